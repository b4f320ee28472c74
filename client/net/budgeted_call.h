#pragma once

// BudgetedCall: the end of a unary call of gRPC that has a share of a budget while its request or
// its answer is in memory. gRPC keeps an answer until its client has taken it; clients that ask and
// do not take must not fill the memory.

#include "client/net/byte_budget.h"
#include "grpcpp/support/server_callback.h"

namespace belfry::net {

// Deleted by gRPC's last reaction, when the answer has been sent or the call is over. Thread
// safety: `share` belongs to who is going to call Finish.
class BudgetedCall final : public grpc::ServerUnaryReactor {
 public:
  // `budget` is borrowed and outlives the server.
  explicit BudgetedCall(ByteBudget* budget) : share(budget) {}

  // What gRPC tells.
  void OnDone() override { delete this; }

  BudgetShare share;
};

}  // namespace belfry::net
