package raw

import (
	"context"
	"testing"
	"time"

	"belfry/tests/sdk/raw/belfry"
	"belfry/tests/sdk/raw/fake"
	"belfry/tests/sdk/raw/reference"

	"google.golang.org/grpc/connectivity"
)

// The streams of the reference's sidecar live for weeks, mostly idle. Nobody may be thrown out.
func TestIdleSidecarStaysConnected(t *testing.T) {
	t.Parallel()
	scheduler := belfry.StartScheduler(t)
	sidecar := connect(t, scheduler.Address)
	// A connection without streams, as the reference keeps for its unary calls.
	unary := dial(t, scheduler.Address)
	unary.Connect()
	belfry.Eventually(t, "a connection", soon, func() bool {
		return unary.GetState() == connectivity.Ready
	})
	ctx, cancel := context.WithTimeout(t.Context(), idle)
	defer cancel()
	unaryTrouble := make(chan bool, 1)
	go func() { unaryTrouble <- unary.WaitForStateChange(ctx, connectivity.Ready) }()

	if err := sidecar.WaitForTrouble(ctx); err != nil {
		t.Fatal(err)
	}
	if <-unaryTrouble {
		t.Fatalf("the connection without streams became %v", unary.GetState())
	}
	jobs := newJobs(t, scheduler.Address)
	for range sidecar.Streams {
		jobs.schedule("after", dueNow())
		i, trigger := nextOfAny(t, sidecar.Streams)
		answer(t, sidecar.Streams[i], trigger.GetId(), reference.Success)
		jobs.expectNames()
	}
}

// The test above must see a GOAWAY when there is one.
func TestAGoAwayIsNoticed(t *testing.T) {
	t.Parallel()
	scheduler := fake.StartInconstant(t, time.Second)
	sidecar := connect(t, scheduler.Address)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if err := sidecar.WaitForTrouble(ctx); err == nil {
		t.Fatal("nothing was noticed")
	}
}

// The other way round: gRPC-Go's server throws out a client that pings too often.
func TestIdleBelfrySidecarStaysConnected(t *testing.T) {
	t.Parallel()
	scheduler := fake.Start(t)
	app := startApp(t)
	belfry.StartSidecar(t, scheduler.Address, app.port)
	before := scheduler.WaitForStreams(t, reference.StreamsPerHost, soon)
	asked := scheduler.WatchHostsCalls()
	time.Sleep(idle)
	for i, stream := range before {
		if stream.IsGone() {
			t.Fatalf("stream %d has ended", i)
		}
		stream.Trigger(t, "after", nil)
		if result := stream.Result(t, soon); result.GetStatus() != reference.Success {
			t.Fatalf("expected a success, got %v", result)
		}
	}
	if now := scheduler.WatchHostsCalls(); now != asked {
		t.Fatalf("the hosts were asked for %d times more", now-asked)
	}
}
