// Any bytes as the body of a request that schedules a job, under both versions of the API. What is
// taken can be shown, and what is shown can be taken again and is the same. Input: the body.

#include <string>

#include "client/sidecar/delivery_body.h"
#include "client/sidecar/json_job.h"
#include "client/sidecar/json_reader.h"
#include "tests/fuzz/checks.h"

namespace belfry::sidecar {
namespace {

void Run(std::string_view body, ApiVersion version) {
  const auto request = ParseScheduleBody(body, version);
  if (!request.ok()) {
    CHECK(absl::IsInvalidArgument(request.status())) << request.status().ToString();
    CHECK(!request.status().message().empty());
    CHECK(IsValidUtf8(std::string(request.status().message())));
    return;
  }
  const std::string shown = JobToJson(request->job());
  CHECK(ParseJson(shown).ok()) << shown;
  if (request->job().has_data()) (void)DeliveryBody(request->job().data());
  // The older version takes payloads in the form in which they are shown.
  const auto again = ParseScheduleBody(shown, ApiVersion::kAlpha1);
  CHECK(again.ok()) << shown << ": " << again.status().ToString();
  CHECK(JobToJson(again->job()) == shown) << shown;
}

}  // namespace
}  // namespace belfry::sidecar

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (data == nullptr) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  belfry::sidecar::Run(body, belfry::sidecar::ApiVersion::kAlpha1);
  belfry::sidecar::Run(body, belfry::sidecar::ApiVersion::kV1);
  return 0;
}
