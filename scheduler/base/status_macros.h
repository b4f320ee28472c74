#pragma once

// Early returns for absl::Status and absl::StatusOr.

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define BELFRY_CONCAT_INNER(a, b) a##b
#define BELFRY_CONCAT(a, b) BELFRY_CONCAT_INNER(a, b)

// Returns from the enclosing function if `expr` is not OK.
#define RETURN_IF_ERROR(expr)                                                           \
  do {                                                                                  \
    if (absl::Status belfry_status = (expr); !belfry_status.ok()) return belfry_status; \
  } while (false)

// Assigns the value of `expr` (a StatusOr) to `lhs`, or returns its status.
#define ASSIGN_OR_RETURN(lhs, expr) \
  ASSIGN_OR_RETURN_IMPL(BELFRY_CONCAT(belfry_status_or_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                          \
  if (!tmp.ok()) return tmp.status();         \
  lhs = std::move(tmp).value()
