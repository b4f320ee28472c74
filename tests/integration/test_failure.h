#pragma once

// Whether the test that runs has failed so far: then what its processes said is worth printing.

namespace belfry::integration {

// Thread safety: may be called from any thread.
bool TestHasFailed();

}  // namespace belfry::integration
