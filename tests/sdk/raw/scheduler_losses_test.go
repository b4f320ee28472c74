package raw

import (
	"fmt"
	"testing"
	"time"

	"belfry/tests/sdk/raw/belfry"
	"belfry/tests/sdk/raw/reference"

	schedulerv1 "github.com/dapr/dapr/pkg/proto/scheduler/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// However a stream ends, what it had not answered goes to another one, and is no failed attempt.
func TestUnansweredTriggersGoToAnotherStream(t *testing.T) {
	t.Parallel()
	ends := map[string]func(*reference.Stream, func()){
		"half-close": func(stream *reference.Stream, _ func()) { stream.HalfClose() },
		"cancel":     func(stream *reference.Stream, _ func()) { stream.Cancel() },
		"hang up":    func(_ *reference.Stream, hangUp func()) { hangUp() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scheduler := belfry.StartScheduler(t)
			jobs := newJobs(t, scheduler.Address)
			connection := dial(t, scheduler.Address)
			first, err := reference.OpenStream(t.Context(), connection, reference.Initial())
			if err != nil {
				t.Fatal(err)
			}
			jobs.schedule("job", dueNowOrNever())
			next(t, first)
			second := openStream(t, scheduler.Address)
			expectQuiet(t, second) // it is still with the first
			end(first, func() { connection.Close() })
			if err := first.WaitForEnd(soon); !first.HasEnded() {
				t.Fatal(err)
			}
			answer(t, second, next(t, second).GetId(), reference.Success)
			jobs.expectNames()
			expectQuiet(t, second)
		})
	}
}

// Answers to what was sent before must not count after the stream that carried it has ended.
func TestIdsBelongToTheirStream(t *testing.T) {
	t.Parallel()
	scheduler := belfry.StartScheduler(t)
	jobs := newJobs(t, scheduler.Address)
	first, second := openStream(t, scheduler.Address), openStream(t, scheduler.Address)
	jobs.schedule("job", dueNow())
	i, trigger := nextOfAny(t, []*reference.Stream{first, second})
	other := []*reference.Stream{second, first}[i]
	answer(t, other, trigger.GetId(), reference.Success)
	time.Sleep(quiet)
	jobs.expectNames("job")
}

// A client that does not read must not hold up the others.
func TestAStalledStreamHoldsUpNobody(t *testing.T) {
	t.Parallel()
	const count, size = 20, 128 * 1024
	scheduler := belfry.StartScheduler(t)
	jobs := newJobs(t, scheduler.Address)
	stalled, err := reference.OpenStalledStream(t.Context(), dial(t, scheduler.Address),
		reference.Initial())
	if err != nil {
		t.Fatal(err)
	}
	stream := openStream(t, scheduler.Address)
	for i := range count {
		job := dueNow()
		job.Data = &anypb.Any{Value: make([]byte, size)}
		jobs.schedule(fmt.Sprintf("job-%02d", i), job)
	}
	for range count / 2 {
		answer(t, stream, next(t, stream).GetId(), reference.Success)
	}
	stalled.Cancel()
	for range count / 2 {
		answer(t, stream, next(t, stream).GetId(), reference.Success)
	}
	jobs.expectNames()
}

// kill -9: streams end, and what was under way comes again after the restart.
func TestTheSchedulerIsKilled(t *testing.T) {
	t.Parallel()
	scheduler := belfry.StartScheduler(t)
	jobs := newJobs(t, scheduler.Address)
	before := connect(t, scheduler.Address)
	jobs.schedule("answered", dueNow())
	i, trigger := nextOfAny(t, before.Streams)
	answer(t, before.Streams[i], trigger.GetId(), reference.Success)
	jobs.expectNames()
	jobs.schedule("under-way", dueNowOrNever())
	nextOfAny(t, before.Streams)
	later := &schedulerv1.Job{DueTime: proto.String("2s"), Data: &anypb.Any{Value: everyByte()}}
	jobs.schedule("waiting", later)
	due := time.Now().Add(1900 * time.Millisecond)

	scheduler.Kill()
	for _, stream := range before.Streams {
		if err := stream.WaitForEnd(soon); !stream.HasEnded() {
			t.Fatal(err)
		}
	}
	scheduler.Restart()
	after := connect(t, scheduler.Address)
	for _, name := range []string{"under-way", "waiting"} {
		i, trigger := nextOfAny(t, after.Streams)
		if trigger.GetName() != name {
			t.Fatalf("expected %s, got %s", name, trigger.GetName())
		}
		if name == "waiting" && !proto.Equal(trigger.GetData(), later.GetData()) {
			t.Fatal("the payload has changed")
		}
		if name == "waiting" && time.Now().Before(due) {
			t.Fatal("came too early")
		}
		answer(t, after.Streams[i], trigger.GetId(), reference.Success)
	}
	jobs.expectNames()
}

// Streams that have said nothing yet must not keep the scheduler from ending.
func TestTheSchedulerStopsUnderStreams(t *testing.T) {
	t.Parallel()
	scheduler := belfry.StartScheduler(t)
	sidecar := connect(t, scheduler.Address)
	silent, err := reference.OpenSilentStream(t.Context(), dial(t, scheduler.Address))
	if err != nil {
		t.Fatal(err)
	}
	if code := scheduler.Stop(); code != 0 {
		t.Fatalf("the scheduler ended with code %d", code)
	}
	for _, stream := range append(sidecar.Streams, silent) {
		if err := stream.WaitForEnd(soon); !stream.HasEnded() {
			t.Fatal(err)
		}
	}
}
