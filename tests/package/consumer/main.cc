// Uses the client library the way somebody else would. Nobody listens on the address, so the call
// must fail with Unavailable, and the worker must stop all the same.

#include <iostream>

#include "belfry/client.h"
#include "belfry/worker.h"

int main() {
  const std::string nobody = "127.0.0.1:1";

  belfry::ClientOptions options;
  options.addresses = {nobody};
  options.app_id = "consumer";
  belfry::Client client(options);
  const auto jobs = client.List();
  if (jobs.status().code() != absl::StatusCode::kUnavailable) {
    std::cerr << "list: " << jobs.status() << "\n";
    return 1;
  }

  belfry::WorkerOptions worker_options;
  worker_options.addresses = {nobody};
  worker_options.app_id = "consumer";
  belfry::Worker worker(worker_options, [](dapr::proto::scheduler::v1::WatchJobsResponse trigger,
                                           belfry::Worker::Done done) {
    std::cout << trigger.name() << "\n";
    done(belfry::TriggerResult::kSuccess);
  });
  worker.Start();
  worker.Stop();
  return 0;
}
