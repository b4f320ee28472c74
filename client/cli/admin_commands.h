#pragma once

// The commands of whoever runs a scheduler. What was asked for goes to `out`; a call that failed is
// told in one line on `err`. Each returns the exit code.

#include <istream>
#include <ostream>

#include "client/cli/admin_options.h"

namespace belfry {

// Runs admin backup, quarantine and list, export and import; import reads `in` unless a file was
// named.
int RunAdmin(const AdminOptions& options, std::istream& in, std::ostream& out, std::ostream& err);

}  // namespace belfry
