package raw

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"belfry/tests/sdk/raw/belfry"
	"belfry/tests/sdk/raw/fake"
	"belfry/tests/sdk/raw/reference"

	schedulerv1 "github.com/dapr/dapr/pkg/proto/scheduler/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
)

// A sidecar pauses about half a second before it opens a lost stream again.
const reconnect = 5 * time.Second

func expectResult(t *testing.T, stream *fake.Stream, id uint64,
	status schedulerv1.WatchJobsRequestResultStatus) {
	t.Helper()
	result := stream.Result(t, soon)
	if result.GetId() != id || result.GetStatus() != status {
		t.Fatalf("expected %v for %d, got %v", status, id, result)
	}
}

func TestTheSidecarIntroducesItself(t *testing.T) {
	t.Parallel()
	scheduler := fake.Start(t)
	sidecar := belfry.StartSidecar(t, scheduler.Address, startApp(t).port)
	streams := scheduler.WaitForStreams(t, reference.StreamsPerHost, soon)
	peers := map[string]bool{}
	for _, stream := range streams {
		peers[stream.Peer] = true
		if !proto.Equal(stream.Initial, reference.Initial()) {
			t.Errorf("unexpected introduction: %v", stream.Initial)
		}
	}
	if len(peers) != len(streams) {
		t.Errorf("streams share connections: %v", peers)
	}
	belfry.Eventually(t, "the sidecar to be ready", soon, sidecar.IsReady)
	time.Sleep(quiet)
	if calls := scheduler.WatchHostsCalls(); calls != 1 {
		t.Errorf("the hosts were asked for %d times", calls)
	}
}

func TestStreamsOfASidecarCanBeMoreOrFewer(t *testing.T) {
	t.Parallel()
	scheduler := fake.Start(t)
	belfry.StartSidecar(t, scheduler.Address, startApp(t).port, "--scheduler-job-streams=5")
	scheduler.WaitForStreams(t, 5, soon)
}

func TestTriggersReachTheAppAndAnswersComeBack(t *testing.T) {
	t.Parallel()
	scheduler, app := fake.Start(t), startApp(t)
	belfry.StartSidecar(t, scheduler.Address, app.port)
	streams := scheduler.WaitForStreams(t, reference.StreamsPerHost, soon)
	value, err := anypb.New(structpb.NewStringValue("spice"))
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name   string
		data   *anypb.Any
		body   string
		result schedulerv1.WatchJobsRequestResultStatus
	}{
		{"json", value, `"spice"`, reference.Success},
		{"bytes", &anypb.Any{Value: everyByte()}, string(everyByte()), reference.Success},
		{"unknown", &anypb.Any{TypeUrl: "dapr.io/x", Value: []byte("a b")}, "a b", reference.Success},
		{"none", nil, "", reference.Success},
		{"odd name: 50% + naïve||x", nil, "", reference.Success},
		{"204", nil, "", reference.Success},
		{"404", nil, "", reference.Success}, // no handler: dropped
		{"302", nil, "", reference.Failed},
		{"400", nil, "", reference.Failed},
		{"500", nil, "", reference.Failed},
	}
	for i, c := range cases {
		stream := streams[i%len(streams)]
		id := stream.Trigger(t, c.name, c.data)
		if got := app.next(t); got.name != c.name || got.body != c.body {
			t.Errorf("%s: got %q with %q", c.name, got.name, got.body)
		}
		expectResult(t, stream, id, c.result)
	}
}

func TestTriggersDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	const held = 50
	scheduler, app := fake.Start(t), startApp(t)
	belfry.StartSidecar(t, scheduler.Address, app.port)
	stream := scheduler.WaitForStreams(t, reference.StreamsPerHost, soon)[0]
	open := map[uint64]bool{}
	for i := range held {
		open[stream.Trigger(t, fmt.Sprintf("hold-%d", i), nil)] = true
	}
	for range held {
		app.next(t)
	}
	quick := stream.Trigger(t, "quick", nil)
	expectResult(t, stream, quick, reference.Success)
	close(app.release)
	for range held {
		result := stream.Result(t, soon)
		if !open[result.GetId()] || result.GetStatus() != reference.Success {
			t.Fatalf("unexpected answer: %v", result)
		}
		delete(open, result.GetId())
	}
}

func TestWhatCannotBeDeliveredHasFailed(t *testing.T) {
	t.Parallel()
	t.Run("no app", func(t *testing.T) {
		t.Parallel()
		scheduler := fake.Start(t)
		belfry.StartSidecar(t, scheduler.Address, 0)
		stream := scheduler.WaitForStreams(t, reference.StreamsPerHost, soon)[0]
		expectResult(t, stream, stream.Trigger(t, "job", nil), reference.Failed)
	})
	t.Run("no job", func(t *testing.T) {
		t.Parallel()
		scheduler, app := fake.Start(t), startApp(t)
		belfry.StartSidecar(t, scheduler.Address, app.port)
		stream := scheduler.WaitForStreams(t, reference.StreamsPerHost, soon)[0]
		targets := []*schedulerv1.JobTargetMetadata{nil, {
			Type: &schedulerv1.JobTargetMetadata_Actor{
				Actor: &schedulerv1.TargetActorReminder{Id: "id", Type: "type"},
			},
		}}
		for i, target := range targets {
			metadata := &schedulerv1.JobMetadata{AppId: "app", Namespace: "default", Target: target}
			id := uint64(1000 + i)
			trigger := &schedulerv1.WatchJobsResponse{Name: "job", Id: id, Metadata: metadata}
			if err := stream.Send(trigger); err != nil {
				t.Fatal(err)
			}
			expectResult(t, stream, id, reference.Failed)
		}
		if len(app.deliveries) != 0 {
			t.Error("the app was called")
		}
	})
}

// A lost stream comes back alone; the others stay.
func TestStreamsThatTheSchedulerEndsComeBack(t *testing.T) {
	t.Parallel()
	scheduler, app := fake.Start(t), startApp(t)
	belfry.StartSidecar(t, scheduler.Address, app.port)
	ends := []error{
		nil,
		status.Error(codes.Unknown, "server is closing"),
		status.Error(codes.Canceled, "context canceled"),
		status.Error(codes.PermissionDenied, "identity does not match request"),
	}
	for _, end := range ends {
		streams := scheduler.WaitForStreams(t, reference.StreamsPerHost, reconnect)
		lost := streams[0]
		lost.Trigger(t, "hold", nil)
		app.next(t)
		lost.End(end)
		belfry.Eventually(t, "the stream to end", soon, lost.IsGone)
		after := scheduler.WaitForStreams(t, reference.StreamsPerHost, reconnect)
		for _, stream := range streams[1:] {
			if stream.IsGone() {
				t.Fatalf("%v: another stream ended too", end)
			}
		}
		fresh := after[len(after)-1]
		expectResult(t, fresh, fresh.Trigger(t, "job", nil), reference.Success)
		app.next(t)
	}
	if calls := scheduler.WatchHostsCalls(); calls != 1 {
		t.Errorf("the hosts were asked for %d times", calls)
	}
	close(app.release)
}

func TestASchedulerThatComesBackIsFound(t *testing.T) {
	t.Parallel()
	first, app := fake.Start(t), startApp(t)
	sidecar := belfry.StartSidecar(t, first.Address, app.port)
	first.WaitForStreams(t, reference.StreamsPerHost, soon)
	first.Stop()
	answered := make(chan int, 1)
	go func() {
		code, _ := sidecar.Request(http.MethodPost, "/v1.0/jobs/job", `{"dueTime":"1h"}`)
		answered <- code
	}()
	time.Sleep(2 * time.Second)
	second := fake.StartAt(t, first.Address)
	stream := second.WaitForStreams(t, reference.StreamsPerHost, soon)[0]
	expectResult(t, stream, stream.Trigger(t, "job", nil), reference.Success)
	// A call that was made while it was away has waited for it.
	select {
	case code := <-answered:
		if code != http.StatusNoContent {
			t.Errorf("expected 204, got %d", code)
		}
	case <-time.After(soon):
		t.Error("the call was not answered")
	}
}

func TestTheSidecarStops(t *testing.T) {
	t.Parallel()
	scheduler, app := fake.Start(t), startApp(t)
	sidecar := belfry.StartSidecar(t, scheduler.Address, app.port)
	stream := scheduler.WaitForStreams(t, reference.StreamsPerHost, soon)[0]
	id := stream.Trigger(t, "hold", nil)
	app.next(t)
	go func() {
		time.Sleep(quiet)
		close(app.release)
	}()
	if code := sidecar.Stop(); code != 0 {
		t.Fatalf("the sidecar ended with code %d", code)
	}
	// What the app had in hand was waited for.
	select {
	case result := <-stream.Results:
		if result.GetId() != id || result.GetStatus() != reference.Success {
			t.Fatalf("unexpected answer: %v", result)
		}
	case <-time.After(soon):
		t.Fatal("no answer")
	}
	scheduler.WaitForStreams(t, 0, soon)
}
