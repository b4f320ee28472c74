#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "client/sidecar/app_transport.h"
#include "client/sidecar/http2_endpoint.h"

namespace belfry::sidecar {

// A request on its way to the app.
struct AppExchange {
  AppTransport::Kind kind;
  AppRequest request;
  absl::Duration timeout;
  AppTransport::Done done;
  bool retried = false;
};

// An HTTP/2 connection to the app, which carries many requests at a time.
// Thread safety: everything runs on the executor, a strand.
class Http2AppConnection : public Http2Endpoint {
 public:
  // Takes a request back that the app has not begun to answer, to be sent once more elsewhere. May
  // be called while the connection is at work, which it must leave alone then.
  using GiveBack = std::function<void(std::unique_ptr<AppExchange>)>;

  // The app is expected to take `expected_streams` requests at a time, until it has said how many.
  Http2AppConnection(boost::asio::any_io_executor executor, AppAddress address,
                     std::size_t expected_streams, GiveBack give_back);

  // Connects. To be called once.
  void Start();

  // How many requests the app takes at a time, as far as that is known.
  std::size_t MaxStreams() const;

  // Sends a request, at once or when connected.
  void Send(std::unique_ptr<AppExchange> exchange);

  // Whether another request may be sent at once.
  bool HasRoom() const;
  // Whether another request may be sent at all.
  bool IsUsable() const { return !ended_ && !draining_; }

  // Whether nothing of it is left.
  bool has_ended() const { return ended_; }

  // Ends the deliveries that are not answered.
  void CancelDeliveries();

 private:
  struct Call;
  using CallPtr = std::shared_ptr<Call>;

  void OnHeader(int32_t stream, std::string_view name, std::string_view value) override;
  void OnHead(int32_t stream) override;
  void OnBody(int32_t stream, std::string_view bytes) override;
  void OnSettings() override;
  void OnGoAway() override { draining_ = true; }
  void OnClosed(int32_t stream, uint32_t error) override;
  void OnTick(Time now) override;
  void OnEnd() override;

  boost::asio::awaitable<void> Connect();
  void Submit(const CallPtr& call);
  void SetTimer(const CallPtr& call, absl::Duration limit);
  void Expired(const CallPtr& call);
  // Tells the caller, unless that was done before.
  static void Finish(Call& call, absl::StatusOr<int> status);
  // The call ends without an answer.
  void Fail(Call& call, bool may_retry, absl::Status status);
  void FailAll(const absl::Status& status);
  // Ends what the call has on the connection.
  void Drop(const CallPtr& call);
  static ssize_t ReadBody(nghttp2_session*, int32_t, uint8_t* out, std::size_t size,
                          uint32_t* flags, nghttp2_data_source* source, void*);

  const AppAddress address_;
  const std::size_t expected_streams_;
  const GiveBack give_back_;
  std::vector<CallPtr> waiting_;          // until connected
  std::map<int32_t, CallPtr> by_stream_;  // once sent
  bool connected_ = false;                // and the app's settings are known
  bool used_ = false;                     // a request was answered
  bool draining_ = false;                 // no further requests
  bool ended_ = false;
  const Time began_;
  Time idle_since_;
};

}  // namespace belfry::sidecar
