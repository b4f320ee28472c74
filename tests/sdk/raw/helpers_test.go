// Package raw tests our programs against gRPC-Go and Dapr's published protocol: the scheduler with
// a client that behaves as the reference's sidecar, the sidecar with a scheduler that behaves as
// the reference's. The tests start what they need; BELFRY_BIN_DIR says where our programs are.
package raw

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"belfry/tests/sdk/raw/belfry"
	"belfry/tests/sdk/raw/reference"

	commonv1 "github.com/dapr/dapr/pkg/proto/common/v1"
	schedulerv1 "github.com/dapr/dapr/pkg/proto/scheduler/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	// For whatever should happen at once.
	soon = 10 * time.Second
	// For seeing that nothing happens.
	quiet = 500 * time.Millisecond
	// How long streams are left idle. Ten pings of gRPC-Go and more.
	idle = 2 * time.Minute
)

// Schedules, reads and lists the jobs of one owner.
type jobs struct {
	t        *testing.T
	client   schedulerv1.SchedulerClient
	metadata *schedulerv1.JobMetadata
}

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	connection, err := reference.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return connection
}

// Jobs of app "app".
func newJobs(t *testing.T, address string) jobs {
	t.Helper()
	return jobs{t, schedulerv1.NewSchedulerClient(dial(t, address)), metadata()}
}

// Those of another owner, over the same connection.
func (j jobs) of(metadata *schedulerv1.JobMetadata) jobs {
	j.metadata = metadata
	return j
}

func metadata() *schedulerv1.JobMetadata {
	return &schedulerv1.JobMetadata{
		AppId:     "app",
		Namespace: "default",
		Target: &schedulerv1.JobTargetMetadata{
			Type: &schedulerv1.JobTargetMetadata_Job{Job: &schedulerv1.TargetJob{}},
		},
	}
}

// Reminders of an actor. A concurrency key is set by those who need one.
func reminders(actorType, id string) *schedulerv1.JobMetadata {
	owner := metadata()
	owner.Target.Type = &schedulerv1.JobTargetMetadata_Actor{
		Actor: &schedulerv1.TargetActorReminder{Type: actorType, Id: id},
	}
	return owner
}

// A job that is due at once.
func dueNow() *schedulerv1.Job { return &schedulerv1.Job{DueTime: proto.String("0s")} }

// A job that is due at once and is not tried again after a failure.
func dueNowOrNever() *schedulerv1.Job {
	job := dueNow()
	job.FailurePolicy = &commonv1.JobFailurePolicy{Policy: &commonv1.JobFailurePolicy_Drop{
		Drop: &commonv1.JobFailurePolicyDrop{},
	}}
	return job
}

// A job that is due at once and tried again soon, so often.
func dueNowRetried(interval time.Duration, retries uint32) *schedulerv1.Job {
	job := dueNow()
	job.FailurePolicy = &commonv1.JobFailurePolicy{Policy: &commonv1.JobFailurePolicy_Constant{
		Constant: &commonv1.JobFailurePolicyConstant{
			Interval: durationpb.New(interval), MaxRetries: proto.Uint32(retries),
		},
	}}
	return job
}

func (j jobs) trySchedule(name string, job *schedulerv1.Job, overwrite bool) error {
	ctx, cancel := context.WithTimeout(j.t.Context(), soon)
	defer cancel()
	_, err := j.client.ScheduleJob(ctx, &schedulerv1.ScheduleJobRequest{
		Name: name, Job: job, Metadata: j.metadata, Overwrite: overwrite,
	}, grpc.WaitForReady(true))
	return err
}

func (j jobs) schedule(name string, job *schedulerv1.Job) {
	j.t.Helper()
	if err := j.trySchedule(name, job, false); err != nil {
		j.t.Fatalf("schedule %s: %v", name, err)
	}
}

func (j jobs) get(name string) (*schedulerv1.Job, error) {
	ctx, cancel := context.WithTimeout(j.t.Context(), soon)
	defer cancel()
	request := &schedulerv1.GetJobRequest{Name: name, Metadata: j.metadata}
	response, err := j.client.GetJob(ctx, request, grpc.WaitForReady(true))
	return response.GetJob(), err
}

// Names of the app's jobs.
func (j jobs) names() []string {
	j.t.Helper()
	ctx, cancel := context.WithTimeout(j.t.Context(), soon)
	defer cancel()
	request := &schedulerv1.ListJobsRequest{Metadata: j.metadata}
	response, err := j.client.ListJobs(ctx, request, grpc.WaitForReady(true))
	if err != nil {
		j.t.Fatal(err)
	}
	var names []string
	for _, job := range response.GetJobs() {
		names = append(names, job.GetName())
	}
	return names
}

func (j jobs) expectNames(expected ...string) {
	j.t.Helper()
	var names []string
	belfry.Eventually(j.t, "the expected list of jobs", soon, func() bool {
		names = j.names()
		return slices.Equal(names, expected)
	})
}

func connect(t *testing.T, address string) *reference.Sidecar {
	t.Helper()
	sidecar, err := reference.Connect(t.Context(), address, reference.Initial())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sidecar.Close)
	if len(sidecar.Streams) != reference.StreamsPerHost {
		t.Fatalf("expected one host, got %v", sidecar.Hosts)
	}
	return sidecar
}

// One stream on a connection of its own.
func openStream(t *testing.T, address string) *reference.Stream {
	t.Helper()
	stream, err := reference.OpenStream(t.Context(), dial(t, address), reference.Initial())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stream.Cancel)
	return stream
}

func next(t *testing.T, stream *reference.Stream) *schedulerv1.WatchJobsResponse {
	t.Helper()
	trigger, err := stream.Next(soon)
	if err != nil {
		t.Fatal(err)
	}
	return trigger
}

// No trigger comes, and the stream stays open.
func expectQuiet(t *testing.T, stream *reference.Stream) {
	t.Helper()
	if trigger, err := stream.Next(quiet); err == nil {
		t.Fatalf("unexpected trigger: %v", trigger)
	}
	if stream.HasEnded() {
		t.Fatal("the stream has ended")
	}
}

// Waits for a trigger on any of the streams and returns that stream's index too.
func nextOfAny(t *testing.T, streams []*reference.Stream) (int, *schedulerv1.WatchJobsResponse) {
	t.Helper()
	timer := reflect.ValueOf(time.After(soon))
	cases := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: timer}}
	for _, stream := range streams {
		channel := reflect.ValueOf(stream.Triggers())
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: channel})
	}
	chosen, value, _ := reflect.Select(cases)
	if chosen == 0 {
		t.Fatalf("no trigger on any stream within %v", soon)
	}
	return chosen - 1, value.Interface().(*schedulerv1.WatchJobsResponse)
}

func answer(t *testing.T, stream *reference.Stream, id uint64,
	status schedulerv1.WatchJobsRequestResultStatus) {
	t.Helper()
	if err := stream.Answer(id, status); err != nil {
		t.Fatal(err)
	}
}
