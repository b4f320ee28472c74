#include "scheduler/engine/firing_watch.h"

#include <algorithm>
#include <utility>

namespace belfry {
namespace {

// A target that begins to wait in the middle of a round has had its turn when two more have begun.
constexpr uint64_t kRoundsToHaveATurn = 2;

}  // namespace

void FiringWatch::BeginTurn(absl::Duration now, bool loading) {
  now_ = now;
  ++turn_;
  started_ = false;
  left_waiting_ = false;
  oldest_.reset();
  if (std::exchange(scanner_told_, false) || scans_pending_ == 0) scanner_went_on_ = now;
  if (std::exchange(loader_told_, false) || !loading) loader_went_on_ = now;
}

void FiringWatch::Started(Place* place, uint32_t target_id) {
  started_ = true;
  if (target_id <= last_target_) ++round_;
  last_target_ = target_id;
  *place = {turn_, round_, now_};
}

void FiringWatch::LeftWaiting(Place* place) {
  left_waiting_ = true;
  const bool was_waiting = place->turn + 1 >= turn_;
  if (!was_waiting) {
    place->round = round_;
    place->since = now_;
  }
  place->turn = turn_;
  if (round_ - place->round >= kRoundsToHaveATurn) Note(place->since);
}

void FiringWatch::EndTurn(bool loading) {
  if (started_ || !left_waiting_) went_on_ = now_;
  if (left_waiting_) Note(went_on_);
  if (scans_pending_ > 0) Note(scanner_went_on_);
  if (loading) Note(loader_went_on_);
  stuck_since_ = oldest_;
}

void FiringWatch::ScannerTold() {
  scanner_told_ = true;
  // What an earlier engine had asked for may still come.
  if (scans_pending_ > 0) --scans_pending_;
}

void FiringWatch::Note(absl::Duration since) {
  oldest_ = oldest_.has_value() ? std::min(*oldest_, since) : since;
}

}  // namespace belfry
