#include "client/net/open_calls.h"

#include <charconv>
#include <cstdint>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "grpc/grpc.h"
#include "grpc/support/alloc.h"

namespace belfry::net {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

// More than a process can have connections: gRPC would tell of the first 500 only.
constexpr intptr_t kAll = INT32_MAX;

// Takes a text of gRPC's; empty if it is none.
Struct TakeJson(char* text) {
  Struct parsed;
  if (text == nullptr) return parsed;
  if (!google::protobuf::util::JsonStringToMessage(text, &parsed).ok()) parsed.Clear();
  gpr_free(text);
  return parsed;
}

const Value& Field(const Struct& object, const char* name) {
  static const Value& none = *new Value();
  const auto it = object.fields().find(name);
  return it == object.fields().end() ? none : it->second;
}

// Large numbers are texts in JSON; those that are 0 are left out.
int64_t Number(const Struct& object, const char* name) {
  int64_t number = 0;
  return absl::SimpleAtoi(Field(object, name).string_value(), &number) ? number : 0;
}

// The sum of the numbers of this name, wherever they are in a text of gRPC's. A parser would take
// most of the time that a look takes, and looks are taken all the time.
int64_t SumOf(std::string_view json, std::string_view name) {
  const std::string key = absl::StrCat("\"", absl::string_view(name.data(), name.size()), "\":\"");
  int64_t sum = 0;
  size_t at = 0;
  while ((at = json.find(key, at)) != std::string_view::npos) {
    at += key.size();
    int64_t number = 0;
    std::from_chars(json.data() + at, json.data() + json.size(), number);
    sum += number;
  }
  return sum;
}

ConnectionCalls ReadConnection(int64_t socket_id) {
  const Struct answer = TakeJson(grpc_channelz_get_socket(static_cast<intptr_t>(socket_id)));
  const Struct& socket = Field(answer, "socket").struct_value();
  const Struct& data = Field(socket, "data").struct_value();
  ConnectionCalls calls;
  // "<transport> <peer>"
  const std::string& name = Field(Field(socket, "ref").struct_value(), "name").string_value();
  calls.peer = name.substr(name.find(' ') + 1);
  calls.open = Number(data, "streamsStarted") - Number(data, "streamsSucceeded") -
               Number(data, "streamsFailed");
  return calls;
}

}  // namespace

int64_t CountOpenCalls() {
  char* const text = grpc_channelz_get_servers(0);
  if (text == nullptr) return 0;
  const int64_t open =
      SumOf(text, "callsStarted") - SumOf(text, "callsSucceeded") - SumOf(text, "callsFailed");
  gpr_free(text);
  return open;
}

std::vector<ConnectionCalls> OpenCallsByConnection() {
  std::vector<ConnectionCalls> connections;
  const Struct servers = TakeJson(grpc_channelz_get_servers(0));
  for (const Value& server : Field(servers, "server").list_value().values()) {
    const Struct& ref = Field(server.struct_value(), "ref").struct_value();
    const auto id = static_cast<intptr_t>(Number(ref, "serverId"));
    const Struct answer = TakeJson(grpc_channelz_get_server_sockets(id, 0, kAll));
    for (const Value& socket : Field(answer, "socketRef").list_value().values()) {
      connections.push_back(ReadConnection(Number(socket.struct_value(), "socketId")));
    }
  }
  return connections;
}

}  // namespace belfry::net
