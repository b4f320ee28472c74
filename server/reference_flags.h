#pragma once

// ReferenceFlags: the flags of Dapr's scheduler that this one has no use for, so that the command
// line of a deployment with one member can stay as it is.
//
// Most of them tune an etcd that is not here: they are accepted and change nothing. The others ask
// for something that would be missing without a word, or would make schedulers share what they
// cannot share: they end the start, with a text that says what to do. Those that ask for mutual TLS
// are content with certificates in files.

#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "absl/status/status.h"

namespace belfry::server {

// Thread safety: none.
class ReferenceFlags {
 public:
  // Declares the flags. `app` must outlive this object, and this object the parsing.
  explicit ReferenceFlags(CLI::App* app);
  ReferenceFlags(const ReferenceFlags&) = delete;
  ReferenceFlags& operator=(const ReferenceFlags&) = delete;

  // Why the start must end, with what to do instead; OK if nothing of the kind was asked for.
  // Unimplemented throughout. REQUIRES: the arguments have been parsed.
  absl::Status CheckSupported(bool has_mutual_tls) const;

  // The flags that were given and change nothing, with their dashes and in the order of the help;
  // those that ask for mutual TLS come last.
  std::vector<std::string> GivenWithoutMeaning() const;

 private:
  void DeclareRefused();
  CLI::Option* AddText(const std::string& flag, std::string* value, const std::string& help,
                       const std::string& group);
  CLI::Option* AddSwitch(const std::string& flag, bool* value, const std::string& help,
                         const std::string& group);
  // What CheckSupported says about one topic.
  absl::Status CheckEtcd() const;
  absl::Status CheckMembers() const;
  absl::Status CheckSecurity() const;

  CLI::App* const app_;
  bool etcd_embed_ = true;
  std::string initial_cluster_;
  std::string old_initial_cluster_;
  std::string client_endpoints_;
  std::string client_username_;
  std::string client_password_;
  std::string replica_count_;
  bool tls_enabled_ = false;
  std::string mode_ = "standalone";
  std::string sentry_address_;
  std::string kubeconfig_;
  // Where the values go that change nothing.
  std::string unused_text_;
  bool unused_switch_ = false;
};

}  // namespace belfry::server
