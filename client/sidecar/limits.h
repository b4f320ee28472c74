#pragma once

// The sidecar's limits. Each has a name here and an answer where it is reached.

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace belfry::sidecar {

// Nesting of arrays and objects in a request body; deeper bodies are malformed.
inline constexpr std::size_t kMaxJsonDepth = 500;

// Nesting of messages when a payload is read to be shown or delivered. One level of JSON takes up
// to three levels of messages; deeper payloads count as unreadable.
inline constexpr int kMaxPayloadMessageDepth = 2000;

// Calls to the scheduler that wait on a thread of their own at the same time: all but schedules,
// and schedules while no scheduler can be reached.
inline constexpr int kSchedulerCallThreads = 64;

// Calls to the scheduler that run or wait for a thread or a scheduler; more are refused with 429.
inline constexpr int kMaxSchedulerCalls = 4096;

// Bytes of requests, finished or not, and of answers that are not taken, of both APIs together; for
// more there is 429.
inline constexpr std::size_t kMaxCallBytes = std::size_t{512} << 20;

// Connections of clients to one HTTP port; more are answered with 503 and closed.
inline constexpr int kMaxHttpConnections = 4096;

// Clients of the gRPC port are asked whether they are still there when nothing came from them for
// this long, and have this long to answer.
inline constexpr absl::Duration kGrpcKeepaliveTime = absl::Seconds(30);
inline constexpr absl::Duration kGrpcKeepaliveTimeout = absl::Seconds(20);

// Calls of one connection to the gRPC ports, if twice the limit below is not more, and of all,
// above which connections are ended.
inline constexpr std::int64_t kMinGrpcCallsToEnd = 1000;
inline constexpr std::int64_t kMaxGrpcCalls = 10000;

// HTTP/2, of both sides. Requests at the same time on one connection; further ones are refused with
// REFUSED_STREAM.
inline constexpr int kMaxHttp2Streams = 250;
// What a peer may send before it is taken, on one stream and on a connection.
inline constexpr std::uint32_t kHttp2StreamWindowBytes = std::uint32_t{256} << 10;
inline constexpr std::int32_t kHttp2ConnectionWindowBytes = std::int32_t{1} << 20;
// Streams that a client may reset at once, and each second; above, and above the following, the
// connection is ended with ENHANCE_YOUR_CALM.
inline constexpr std::uint64_t kHttp2ResetBurst = 1000;
inline constexpr std::uint64_t kHttp2ResetsPerSecond = 100;
// Frames of a peer between two ticks that carry nothing: pings, settings, windows, empty data.
inline constexpr int kHttp2MaxControlFrames = 5000;
// Answers to pings and settings that a peer does not take.
inline constexpr std::size_t kHttp2MaxUnsentAcks = 1000;
// How often limits of time are looked at.
inline constexpr absl::Duration kHttp2TickInterval = absl::Seconds(1);

// A client has this long to send the head of a request once it began, and the body after that.
inline constexpr absl::Duration kHttpHeaderTimeout = absl::Seconds(10);
inline constexpr absl::Duration kHttpBodyTimeout = absl::Seconds(60);
// A client has this long to take a response.
inline constexpr absl::Duration kHttpWriteTimeout = absl::Seconds(60);
// A connection without a request is closed after this.
inline constexpr absl::Duration kHttpIdleTimeout = absl::Minutes(5);
// What is still read, and for how long, after a response to a request that was not read to its end;
// without it the client could lose the response.
inline constexpr std::size_t kHttpLingerBytes = std::size_t{16} << 20;
inline constexpr absl::Duration kHttpLingerTime = absl::Seconds(2);
// Added to --read-buffer-size, so that a head may be somewhat larger than the flag says, as with
// the reference.
inline constexpr std::size_t kHttpHeaderSlop = 4096;

// Connections to an HTTP app; calls beyond wait for one.
inline constexpr int kMaxAppConnections = 1024;
// Connections to an app that speaks HTTP/2; above, and above what it allows on one, calls wait for
// their turn.
inline constexpr std::size_t kMaxHttp2AppConnections = 64;
// Connections to an HTTP app that are kept while they have nothing to do, and for how long.
inline constexpr std::size_t kMaxIdleAppConnections = 64;
inline constexpr absl::Duration kAppConnectionIdleTime = absl::Seconds(90);
inline constexpr absl::Duration kAppConnectTimeout = absl::Seconds(30);
// Limits on what an app answers; a larger head is a failure, a larger or slower body costs the app
// its connection and otherwise changes nothing.
inline constexpr std::size_t kAppResponseHeaderBytes = 64 * 1024;
inline constexpr std::size_t kAppResponseBodyBytes = std::size_t{1} << 20;
inline constexpr absl::Duration kAppResponseBodyTime = absl::Seconds(5);
// Interim (1xx) responses before the real one.
inline constexpr int kMaxInterimResponses = 8;
// How long GET /dapr/config may take.
inline constexpr absl::Duration kAppConfigTimeout = absl::Seconds(10);

// How the app's port is waited for.
inline constexpr absl::Duration kAppPortPollInterval = absl::Milliseconds(100);
inline constexpr absl::Duration kAppPortDialTimeout = absl::Milliseconds(500);

// How long --wait waits for another sidecar, how long it pauses between two requests, and how long
// one may take.
inline constexpr absl::Duration kWaitLimit = absl::Seconds(60);
inline constexpr absl::Duration kWaitPause = absl::Milliseconds(500);
inline constexpr absl::Duration kWaitRequestTimeout = absl::Seconds(3);

// Entries and bytes of what clients may add to the metadata.
inline constexpr std::size_t kMaxMetadataEntries = 1024;
inline constexpr std::size_t kMaxMetadataBytes = std::size_t{1} << 20;

// What is left for closing everything once deliveries have ended or were given up; then the process
// ends. Within that, how long each part is waited for.
inline constexpr absl::Duration kShutdownSlack = absl::Seconds(2);
inline constexpr absl::Duration kShutdownStep = absl::Milliseconds(500);

}  // namespace belfry::sidecar
