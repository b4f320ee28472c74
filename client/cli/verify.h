#pragma once

// `belfry admin verify`: reads a store on disk, without a scheduler.

#include <ostream>
#include <string>

namespace belfry {

// Reads the backup, or the directory of a stopped scheduler, and changes nothing in it. Prints what
// is in it as one JSON object on `out`, and each thing that is wrong as one line on `err`. Returns
// the exit code: 0 if nothing is wrong, else 1.
int RunVerify(const std::string& directory, std::ostream& out, std::ostream& err);

}  // namespace belfry
