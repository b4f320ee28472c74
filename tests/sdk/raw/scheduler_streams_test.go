package raw

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"belfry/tests/sdk/raw/belfry"
	"belfry/tests/sdk/raw/reference"

	schedulerv1 "github.com/dapr/dapr/pkg/proto/scheduler/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

func everyByte() []byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return all
}

func expectEnd(t *testing.T, stream *reference.Stream, code codes.Code) {
	t.Helper()
	err := stream.WaitForEnd(soon)
	if !stream.HasEnded() || status.Code(err) != code {
		t.Fatalf("expected the stream to end with %v, got %v", code, err)
	}
}

func TestTriggersArriveWhole(t *testing.T) {
	t.Parallel()
	scheduler := belfry.StartScheduler(t)
	jobs := newJobs(t, scheduler.Address)
	stream := openStream(t, scheduler.Address)
	payloads := map[string]*anypb.Any{
		"typed":   {TypeUrl: "type.googleapis.com/google.protobuf.BytesValue", Value: everyByte()},
		"untyped": {Value: everyByte()},
		"strange": {TypeUrl: "dapr.io/schedule/jobpayload", Value: []byte(" \r\n ")},
		"large":   {Value: bytes.Repeat(everyByte(), 4096*6)}, // 6 MiB: there is no limit of 4
		"empty":   {},
		"none":    nil,
	}
	for name, payload := range payloads {
		job := dueNow()
		job.Data = payload
		jobs.schedule(name, job)
		trigger := next(t, stream)
		if trigger.GetName() != name {
			t.Fatalf("expected %s, got %s", name, trigger.GetName())
		}
		if (payload == nil) != (trigger.GetData() == nil) || !proto.Equal(payload, trigger.GetData()) {
			t.Fatalf("%s: the payload has changed", name)
		}
		if !proto.Equal(trigger.GetMetadata(), metadata()) {
			t.Fatalf("%s: metadata %v", name, trigger.GetMetadata())
		}
		answer(t, stream, trigger.GetId(), reference.Success)
	}
	jobs.expectNames()
}

// The reference hands jobs to the streams of an app in turn, and numbers triggers by stream.
func TestStreamsTakeTurns(t *testing.T) {
	t.Parallel()
	const rounds = 10
	scheduler := belfry.StartScheduler(t)
	jobs := newJobs(t, scheduler.Address)
	sidecar := connect(t, scheduler.Address)
	awaitAllStreams(t, jobs, sidecar)
	for i := range rounds * len(sidecar.Streams) {
		jobs.schedule(fmt.Sprintf("turn-%02d", i), dueNow())
	}
	for _, stream := range sidecar.Streams {
		var last uint64
		for range rounds {
			trigger := next(t, stream)
			if last != 0 && trigger.GetId() != last+1 {
				t.Fatalf("trigger %d after %d", trigger.GetId(), last)
			}
			last = trigger.GetId()
			answer(t, stream, last, reference.Success)
		}
	}
	jobs.expectNames()
}

// A stream shows only by its triggers that it is known to the scheduler.
func awaitAllStreams(t *testing.T, jobs jobs, sidecar *reference.Sidecar) {
	t.Helper()
	seen := map[int]bool{}
	for end := time.Now().Add(soon); len(seen) < len(sidecar.Streams); {
		if time.Now().After(end) {
			t.Fatalf("only %d streams get triggers", len(seen))
		}
		jobs.schedule("probe", dueNow())
		i, trigger := nextOfAny(t, sidecar.Streams)
		answer(t, sidecar.Streams[i], trigger.GetId(), reference.Success)
		jobs.expectNames()
		seen[i] = true
	}
}

func TestAnswersInAnyOrderAndToNothing(t *testing.T) {
	t.Parallel()
	scheduler := belfry.StartScheduler(t)
	jobs := newJobs(t, scheduler.Address)
	stream := openStream(t, scheduler.Address)
	answer(t, stream, 1, reference.Success)    // before anything came
	answer(t, stream, 1<<63, reference.Failed) // nothing of the kind
	answer(t, stream, 0, reference.Success)    // ids begin with 1
	var ids []uint64
	for _, name := range []string{"a", "b", "c"} {
		jobs.schedule(name, dueNowOrNever())
		ids = append(ids, next(t, stream).GetId())
	}
	for i, id := range ids {
		if id != uint64(i+1) {
			t.Fatalf("expected ids from 1, got %v", ids)
		}
	}
	answer(t, stream, 3, reference.Success)
	jobs.expectNames("a", "b")
	answer(t, stream, 3, reference.Failed) // a second time, and otherwise
	answer(t, stream, 1, reference.Success)
	jobs.expectNames("b")
	answer(t, stream, 2, reference.Success)
	jobs.expectNames()
	expectQuiet(t, stream)
}

// Sidecars of 1.14 send no status. Absent is SUCCESS, the zero of the enumeration.
func TestAnAnswerWithoutAStatusIsASuccess(t *testing.T) {
	t.Parallel()
	scheduler := belfry.StartScheduler(t)
	jobs := newJobs(t, scheduler.Address)
	stream := openStream(t, scheduler.Address)
	jobs.schedule("job", dueNowRetried(0, 5))
	next(t, stream)
	err := stream.Send(&schedulerv1.WatchJobsRequest{
		WatchJobRequestType: &schedulerv1.WatchJobsRequest_Result{
			Result: &schedulerv1.WatchJobsRequestResult{Id: 1},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	jobs.expectNames()
	expectQuiet(t, stream)
}

func TestFailuresAreRetriedAsThePolicySays(t *testing.T) {
	t.Parallel()
	scheduler := belfry.StartScheduler(t)
	jobs := newJobs(t, scheduler.Address)
	stream := openStream(t, scheduler.Address)
	cases := []struct {
		name     string
		job      *schedulerv1.Job
		attempts int
		interval time.Duration
	}{
		{"default", dueNow(), 4, time.Second},
		{"constant", dueNowRetried(300*time.Millisecond, 2), 3, 300 * time.Millisecond},
		{"at-once", dueNowRetried(0, 5), 6, 0},
		{"no-retries", dueNowRetried(time.Second, 0), 1, 0},
		{"drop", dueNowOrNever(), 1, 0},
	}
	for _, c := range cases {
		jobs.schedule(c.name, c.job)
		var before time.Time
		for attempt := range c.attempts {
			trigger := next(t, stream)
			if pause := time.Since(before); attempt > 0 && pause < c.interval-20*time.Millisecond {
				t.Fatalf("%s: attempt %d came after %v", c.name, attempt+1, pause)
			}
			before = time.Now()
			answer(t, stream, trigger.GetId(), reference.Failed)
		}
		jobs.expectNames()
	}
	expectQuiet(t, stream)
}

func TestStreamsThatBreakTheRulesAreEnded(t *testing.T) {
	t.Parallel()
	scheduler := belfry.StartScheduler(t)
	other := openStream(t, scheduler.Address)
	type introduction = *schedulerv1.WatchJobsRequestInitial
	wrong := map[string]struct {
		initial func(introduction)
		code    codes.Code
	}{
		"no app":       {func(i introduction) { i.AppId = "" }, codes.InvalidArgument},
		"no namespace": {func(i introduction) { i.Namespace = "" }, codes.InvalidArgument},
		"one type twice": {func(i introduction) {
			i.AcceptJobTypes = append(i.AcceptJobTypes, i.AcceptJobTypes[0])
		}, codes.Unknown},
	}
	for name, c := range wrong {
		t.Run(name, func(t *testing.T) {
			initial := reference.Initial()
			c.initial(initial)
			stream, err := reference.OpenStream(t.Context(), dial(t, scheduler.Address), initial)
			if err != nil {
				t.Fatal(err)
			}
			expectEnd(t, stream, c.code)
		})
	}
	t.Run("no introduction", func(t *testing.T) {
		stream, err := reference.OpenSilentStream(t.Context(), dial(t, scheduler.Address))
		if err != nil {
			t.Fatal(err)
		}
		answer(t, stream, 1, reference.Success)
		expectEnd(t, stream, codes.Unknown)
	})
	t.Run("a second introduction", func(t *testing.T) {
		stream := openStream(t, scheduler.Address)
		err := stream.Send(&schedulerv1.WatchJobsRequest{
			WatchJobRequestType: &schedulerv1.WatchJobsRequest_Initial{Initial: reference.Initial()},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.WaitForEnd(soon); !stream.HasEnded() {
			t.Fatal(err)
		}
	})
	jobs := newJobs(t, scheduler.Address)
	jobs.schedule("job", dueNow())
	answer(t, other, next(t, other).GetId(), reference.Success)
	jobs.expectNames()
}

// Reminders go to streams of their actor type, whichever app wrote them.
func TestRemindersGoToTheirActorType(t *testing.T) {
	t.Parallel()
	scheduler := belfry.StartScheduler(t)
	initial := reference.Initial()
	initial.ActorTypes = []string{"cat"}
	initial.AcceptJobTypes = append(initial.AcceptJobTypes,
		schedulerv1.JobTargetType_JOB_TARGET_TYPE_ACTOR_REMINDER)
	stream, err := reference.OpenStream(t.Context(), dial(t, scheduler.Address), initial)
	if err != nil {
		t.Fatal(err)
	}
	other := openStream(t, scheduler.Address)
	owner := reminders("cat", "tom")
	owner.AppId = "another"
	owner.ConcurrencyKey = proto.String("stroke")
	jobs := newJobs(t, scheduler.Address).of(owner)
	jobs.schedule("wake", dueNow())
	trigger := next(t, stream)
	if trigger.GetName() != "wake" || !proto.Equal(trigger.GetMetadata(), owner) {
		t.Fatalf("unexpected trigger: %v", trigger)
	}
	answer(t, stream, trigger.GetId(), reference.Success)
	jobs.expectNames()
	expectQuiet(t, other)
}
