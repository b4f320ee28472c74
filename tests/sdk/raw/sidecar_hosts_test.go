package raw

import (
	"testing"
	"time"

	"belfry/tests/sdk/raw/belfry"
	"belfry/tests/sdk/raw/fake"
	"belfry/tests/sdk/raw/reference"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// While the scheduler is not ready it does not answer; the sidecar waits and says so.
func TestASchedulerThatIsNotReadyYet(t *testing.T) {
	t.Parallel()
	scheduler := fake.Start(t)
	scheduler.SetReady(false)
	sidecar := belfry.StartSidecar(t, scheduler.Address, startApp(t).port)
	belfry.Eventually(t, "WatchHosts", soon, func() bool { return scheduler.WatchHostsCalls() > 0 })
	time.Sleep(quiet)
	if sidecar.IsReady() {
		t.Error("the sidecar says that it is ready")
	}
	scheduler.SetReady(true)
	scheduler.WaitForStreams(t, reference.StreamsPerHost, soon)
	belfry.Eventually(t, "the sidecar to be ready", soon, sidecar.IsReady)
}

func TestStreamsFollowTheHosts(t *testing.T) {
	t.Parallel()
	first, second, app := fake.Start(t), fake.Start(t), startApp(t)
	belfry.StartSidecar(t, first.Address, app.port)
	before := first.WaitForStreams(t, reference.StreamsPerHost, soon)

	// One more: as many streams to it.
	first.SetHosts(first.Address, second.Address)
	added := second.WaitForStreams(t, reference.StreamsPerHost, soon)
	current := first.WaitForStreams(t, reference.StreamsPerHost, soon)
	for _, stream := range append(current, added...) {
		expectResult(t, stream, stream.Trigger(t, "job", nil), reference.Success)
	}

	// The same ones, in another order: no stream has to move.
	first.SetHosts(second.Address, first.Address)
	time.Sleep(2 * time.Second)
	for _, stream := range append(current, added...) {
		if stream.IsGone() {
			t.Error("a stream ended though no host came or went")
		}
	}

	// The first leaves the list, and its streams end.
	first.SetHosts(second.Address)
	first.WaitForStreams(t, 0, soon)
	stream := second.WaitForStreams(t, reference.StreamsPerHost, soon)[0]
	expectResult(t, stream, stream.Trigger(t, "job", nil), reference.Success)
	for _, stream := range before {
		if !stream.IsGone() {
			t.Error("a stream to a host that left is still open")
		}
	}
}

// Schedulers close WatchHosts when they restart, or after every list, as some versions do. Asking
// again must not become a loop without pauses.
func TestWatchHostsThatEndsIsAskedAgain(t *testing.T) {
	t.Parallel()
	ends := map[string]error{
		"ok":          nil,
		"unknown":     status.Error(codes.Unknown, "cron closed"),
		"unavailable": status.Error(codes.Unavailable, "going away"),
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const rounds = 3
			scheduler := fake.Start(t)
			belfry.StartSidecar(t, scheduler.Address, startApp(t).port)
			streams := scheduler.WaitForStreams(t, reference.StreamsPerHost, soon)
			for round := range rounds {
				scheduler.EndWatchHosts(end)
				belfry.Eventually(t, "another WatchHosts", soon, func() bool {
					return scheduler.WatchHostsCalls() >= round+2
				})
			}
			time.Sleep(quiet)
			if calls := scheduler.WatchHostsCalls(); calls != rounds+1 {
				t.Errorf("expected %d calls, got %d", rounds+1, calls)
			}
			for _, stream := range streams {
				if stream.IsGone() {
					t.Error("a stream ended though the hosts are the same")
				}
			}
		})
	}
}

// Schedulers of 1.14 have no WatchHosts: the addresses of the command line are the hosts.
func TestASchedulerWithoutWatchHosts(t *testing.T) {
	t.Parallel()
	first, second := fake.Start(t), fake.Start(t)
	first.SetHostless()
	second.SetHostless()
	addresses := first.Address + "," + second.Address
	sidecar := belfry.StartSidecar(t, addresses, startApp(t).port)
	for _, scheduler := range []*fake.Scheduler{first, second} {
		stream := scheduler.WaitForStreams(t, reference.StreamsPerHost, soon)[0]
		expectResult(t, stream, stream.Trigger(t, "job", nil), reference.Success)
	}
	belfry.Eventually(t, "the sidecar to be ready", soon, sidecar.IsReady)
}

// Of several addresses one that answers is enough.
func TestAnAddressWithoutASchedulerIsPassedOver(t *testing.T) {
	t.Parallel()
	gone, there := fake.Start(t), fake.Start(t)
	gone.Stop()
	belfry.StartSidecar(t, gone.Address+","+there.Address, startApp(t).port)
	there.WaitForStreams(t, reference.StreamsPerHost, soon)
}
