package raw

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"belfry/tests/sdk/raw/belfry"
	"belfry/tests/sdk/raw/fake"

	schedulerv1 "github.com/dapr/dapr/pkg/proto/scheduler/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	jobPath = "/v1.0/jobs/job"
	jobBody = `{"schedule":"@daily","dueTime":"1h","repeats":3,"ttl":"9h","data":{"a":1}}`
)

func expectStatus(t *testing.T, sidecar *belfry.Sidecar, method, body string, expected int,
	words string) {
	t.Helper()
	code, text := sidecar.Request(method, jobPath, body)
	if code != expected || !strings.Contains(text, words) {
		t.Errorf("%s: expected %d with %q, got %d: %s", method, expected, words, code, text)
	}
}

func TestCallsReachTheSchedulerAsTheyAre(t *testing.T) {
	t.Parallel()
	scheduler := fake.Start(t)
	sidecar := belfry.StartSidecar(t, scheduler.Address, 0)
	expectStatus(t, sidecar, http.MethodPost, jobBody, 204, "")
	request := scheduler.Calls()[0].(*schedulerv1.ScheduleJobRequest)
	job := request.GetJob()
	if request.GetName() != "job" || request.GetOverwrite() ||
		job.GetSchedule() != "@daily" || job.GetDueTime() != "1h" || job.GetRepeats() != 3 ||
		job.GetTtl() != "9h" || job.FailurePolicy != nil {
		t.Errorf("unexpected request: %v", request)
	}
	if url := job.GetData().GetTypeUrl(); url != "type.googleapis.com/google.protobuf.Value" {
		t.Errorf("the payload is a %q", url)
	}
	if !proto.Equal(request.GetMetadata(), metadata()) {
		t.Errorf("unexpected metadata: %v", request.GetMetadata())
	}

	expectStatus(t, sidecar, http.MethodPost, jobBody, 409,
		"job already exists: 'app||default||app||job'")
	overwrite := strings.Replace(jobBody, "{", `{"overwrite":true,`, 1)
	expectStatus(t, sidecar, http.MethodPost, overwrite, 204, "")
	expectStatus(t, sidecar, http.MethodGet, "", 200, `"schedule":"@daily"`)
	expectStatus(t, sidecar, http.MethodDelete, "", 204, "")
	expectStatus(t, sidecar, http.MethodDelete, "", 204, "")
	expectStatus(t, sidecar, http.MethodGet, "", 500, "job not found: job")
}

// Calls wait for a scheduler that is not ready, and are then answered.
func TestCallsWaitForTheScheduler(t *testing.T) {
	t.Parallel()
	scheduler := fake.Start(t)
	sidecar := belfry.StartSidecar(t, scheduler.Address, 0)
	belfry.Eventually(t, "the sidecar to be ready", soon, sidecar.IsReady)
	scheduler.SetReady(false)
	time.AfterFunc(3*time.Second, func() { scheduler.SetReady(true) })
	began := time.Now()
	expectStatus(t, sidecar, http.MethodPost, jobBody, 204, "")
	if waited := time.Since(began); waited < 2*time.Second {
		t.Errorf("answered after %v", waited)
	}
	if calls := len(scheduler.Calls()); calls != 1 {
		t.Errorf("it was called %d times", calls)
	}
}

// CANCELLED is how a scheduler that is shutting down says: go elsewhere.
func TestASchedulerThatIsShuttingDownIsLeft(t *testing.T) {
	t.Parallel()
	t.Run("for another", func(t *testing.T) {
		t.Parallel()
		first, second := fake.Start(t), fake.Start(t)
		first.SetHosts(first.Address, second.Address)
		sidecar := belfry.StartSidecar(t, first.Address, 0)
		belfry.Eventually(t, "the sidecar to be ready", soon, sidecar.IsReady)
		first.SetShuttingDown(true)
		for range 4 { // whichever would be first
			expectStatus(t, sidecar, http.MethodPost, `{"dueTime":"1h","overwrite":true}`, 204, "")
		}
		if calls := len(second.Calls()); calls != 4 {
			t.Errorf("the other one was called %d times", calls)
		}
	})
	t.Run("and asked again", func(t *testing.T) {
		t.Parallel()
		scheduler := fake.Start(t)
		sidecar := belfry.StartSidecar(t, scheduler.Address, 0)
		belfry.Eventually(t, "the sidecar to be ready", soon, sidecar.IsReady)
		canceled := status.Error(codes.Canceled, "context canceled")
		for i, c := range []struct{ method, body string }{
			{http.MethodPost, jobBody}, {http.MethodGet, ""}, {http.MethodDelete, ""},
		} {
			scheduler.Refuse(canceled, canceled)
			began := time.Now()
			code, text := sidecar.Request(c.method, jobPath, c.body)
			if code != 204 && code != 200 {
				t.Errorf("%s: got %d: %s", c.method, code, text)
			}
			// Two pauses of 125 to 375 ms.
			if waited := time.Since(began); waited < 250*time.Millisecond {
				t.Errorf("%s: three calls within %v", c.method, waited)
			}
			if calls := len(scheduler.Calls()); calls != 3*(i+1) {
				t.Errorf("%s: it was called %d times by now", c.method, calls)
			}
		}
	})
}

func TestCodesOfTheScheduler(t *testing.T) {
	t.Parallel()
	scheduler := fake.Start(t)
	sidecar := belfry.StartSidecar(t, scheduler.Address, 0)
	belfry.Eventually(t, "the sidecar to be ready", soon, sidecar.IsReady)
	for code, expected := range map[codes.Code]int{
		codes.InvalidArgument:    400,
		codes.FailedPrecondition: 400,
		codes.OutOfRange:         400,
		codes.Unauthenticated:    401,
		codes.PermissionDenied:   403,
		codes.NotFound:           404,
		codes.AlreadyExists:      409,
		codes.Aborted:            409,
		codes.ResourceExhausted:  429,
		codes.Unknown:            500,
		codes.Internal:           500,
		codes.DataLoss:           500,
		codes.Unimplemented:      501,
		codes.Unavailable:        503,
		codes.DeadlineExceeded:   504,
	} {
		scheduler.Refuse(status.Error(code, "the words"))
		expectStatus(t, sidecar, http.MethodPost, jobBody, expected, "the words")
	}
	// For reading and deleting there is one code for everything, whatever the scheduler says.
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		scheduler.Refuse(status.Error(codes.PermissionDenied, "the words"))
		expectStatus(t, sidecar, method, "", 500, "the words")
	}
	if calls := len(scheduler.Calls()); calls != 17 {
		t.Errorf("it was called %d times: something was tried again", calls)
	}
}
