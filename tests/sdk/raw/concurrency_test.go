package raw

import (
	"fmt"
	"testing"

	"belfry/tests/sdk/raw/belfry"
	"belfry/tests/sdk/raw/reference"

	schedulerv1 "github.com/dapr/dapr/pkg/proto/scheduler/v1"
	"google.golang.org/protobuf/proto"
)

// A sidecar that hosts actors of type "cat", of which so many reminders may be unanswered, and so
// many of those with the key "stroke".
func connectWithLimits(t *testing.T, address string, ofType, ofKey int32) *reference.Sidecar {
	t.Helper()
	initial := reference.Initial()
	initial.ActorTypes = []string{"cat"}
	initial.AcceptJobTypes = append(initial.AcceptJobTypes,
		schedulerv1.JobTargetType_JOB_TARGET_TYPE_ACTOR_REMINDER)
	cats := &schedulerv1.ConcurrencyLimit_Actor{
		Actor: &schedulerv1.ConcurrencyLimitActor{Type: "cat"},
	}
	initial.ConcurrencyLimits = []*schedulerv1.ConcurrencyLimit{
		{Target: cats, MaxConcurrent: ofType},
		{Target: cats, MaxConcurrent: ofKey, Name: proto.String("stroke")},
	}
	sidecar, err := reference.Connect(t.Context(), address, initial)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sidecar.Close)
	return sidecar
}

// A trigger that is not answered yet.
type unanswered struct {
	stream *reference.Stream
	id     uint64
}

func nextUnanswered(t *testing.T, sidecar *reference.Sidecar) (unanswered, string) {
	t.Helper()
	i, trigger := nextOfAny(t, sidecar.Streams)
	return unanswered{sidecar.Streams[i], trigger.GetId()}, trigger.GetMetadata().GetConcurrencyKey()
}

func expectAllQuiet(t *testing.T, sidecar *reference.Sidecar) {
	t.Helper()
	for _, stream := range sidecar.Streams {
		expectQuiet(t, stream)
	}
}

// Limits are those of the sidecar, not of each of its streams.
func TestAKeysLimitBoundsWhatIsUnanswered(t *testing.T) {
	t.Parallel()
	const limit, reminderCount = 2, 7
	scheduler := belfry.StartScheduler(t)
	sidecar := connectWithLimits(t, scheduler.Address, 100, limit)
	owner := reminders("cat", "tom")
	owner.ConcurrencyKey = proto.String("stroke")
	jobs := newJobs(t, scheduler.Address).of(owner)
	for i := range reminderCount {
		jobs.schedule(fmt.Sprintf("wake-%d", i), dueNow())
	}
	var open []unanswered
	for range limit {
		trigger, _ := nextUnanswered(t, sidecar)
		open = append(open, trigger)
	}
	for done := 0; done < reminderCount; done++ {
		expectAllQuiet(t, sidecar) // no more than the limit
		answer(t, open[0].stream, open[0].id, reference.Success)
		open = open[1:]
		if done+limit < reminderCount {
			trigger, _ := nextUnanswered(t, sidecar) // the answer let in the next
			open = append(open, trigger)
		}
	}
	jobs.expectNames()
}

func TestATypesLimitHoldsForAllOfItsKeys(t *testing.T) {
	t.Parallel()
	const ofType, ofKey, each = 3, 2, 4
	scheduler := belfry.StartScheduler(t)
	sidecar := connectWithLimits(t, scheduler.Address, ofType, ofKey)
	plain := newJobs(t, scheduler.Address).of(reminders("cat", "tom"))
	owner := reminders("cat", "kitty")
	owner.ConcurrencyKey = proto.String("stroke")
	keyed := plain.of(owner)
	for i := range each {
		keyed.schedule(fmt.Sprintf("stroke-%d", i), dueNow())
	}
	for i := range each {
		plain.schedule(fmt.Sprintf("feed-%d", i), dueNow())
	}
	perKey := map[string]int{}
	keyOf := map[unanswered]string{}
	var open []unanswered
	take := func() {
		trigger, key := nextUnanswered(t, sidecar)
		open, keyOf[trigger] = append(open, trigger), key
		perKey[key]++
		if perKey["stroke"] > ofKey || len(open) > ofType {
			t.Fatalf("%d triggers are unanswered, %d of them with the key", len(open), perKey["stroke"])
		}
	}
	for range ofType {
		take()
	}
	if perKey["stroke"] != ofKey {
		t.Fatalf("expected the earlier jobs first, got %v", perKey)
	}
	expectAllQuiet(t, sidecar)
	for left := 2*each - ofType; len(open) > 0; left-- {
		first := open[0]
		open = open[1:]
		perKey[keyOf[first]]--
		answer(t, first.stream, first.id, reference.Success)
		if left > 0 {
			take()
		}
	}
	plain.expectNames()
	keyed.expectNames()
}

// And jobs of apps are not held up by limits of actors.
func TestAFailedTriggerGivesItsPlaceBack(t *testing.T) {
	t.Parallel()
	scheduler := belfry.StartScheduler(t)
	sidecar := connectWithLimits(t, scheduler.Address, 1, 1)
	jobs := newJobs(t, scheduler.Address).of(reminders("cat", "tom"))
	jobs.schedule("fails", dueNowOrNever())
	first, _ := nextUnanswered(t, sidecar)
	jobs.schedule("waits", dueNow())
	app := newJobs(t, scheduler.Address)
	app.schedule("free", dueNow())
	free, _ := nextUnanswered(t, sidecar) // not held up by the reminders
	answer(t, free.stream, free.id, reference.Success)
	app.expectNames()
	expectAllQuiet(t, sidecar)
	answer(t, first.stream, first.id, reference.Failed)
	second, _ := nextUnanswered(t, sidecar)
	answer(t, second.stream, second.id, reference.Success)
	jobs.expectNames()
}
