package reference

import (
	"context"
	"fmt"
	"time"

	schedulerv1 "github.com/dapr/dapr/pkg/proto/scheduler/v1"
	"google.golang.org/grpc"
)

// Results of triggers.
const (
	Success = schedulerv1.WatchJobsRequestResultStatus_SUCCESS
	Failed  = schedulerv1.WatchJobsRequestResultStatus_FAILED
)

const triggersMax = 10000 // that a test may leave unread

// Stream is one WatchJobs stream. Its triggers are read as they come.
type Stream struct {
	raw      schedulerv1.Scheduler_WatchJobsClient
	triggers chan *schedulerv1.WatchJobsResponse
	ended    chan struct{}
	err      error
	cancel   context.CancelFunc
}

// OpenStream opens one and says the first message.
func OpenStream(ctx context.Context, connection *grpc.ClientConn,
	initial introduction) (*Stream, error) {
	stream, err := OpenSilentStream(ctx, connection)
	if err != nil {
		return nil, err
	}
	return stream, stream.introduce(initial)
}

// OpenSilentStream opens one that has said nothing yet.
func OpenSilentStream(ctx context.Context, connection *grpc.ClientConn) (*Stream, error) {
	stream, err := newStream(ctx, connection)
	if err == nil {
		go stream.read()
	}
	return stream, err
}

// OpenStalledStream opens one that never reads what comes.
func OpenStalledStream(ctx context.Context, connection *grpc.ClientConn,
	initial introduction) (*Stream, error) {
	stream, err := newStream(ctx, connection)
	if err != nil {
		return nil, err
	}
	return stream, stream.introduce(initial)
}

func newStream(ctx context.Context, connection *grpc.ClientConn) (*Stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	raw, err := schedulerv1.NewSchedulerClient(connection).WatchJobs(ctx, grpc.WaitForReady(true))
	if err != nil {
		cancel()
		return nil, err
	}
	return &Stream{
		raw:      raw,
		triggers: make(chan *schedulerv1.WatchJobsResponse, triggersMax),
		ended:    make(chan struct{}),
		cancel:   cancel,
	}, nil
}

func (s *Stream) introduce(initial introduction) error {
	return s.Send(&schedulerv1.WatchJobsRequest{
		WatchJobRequestType: &schedulerv1.WatchJobsRequest_Initial{Initial: initial},
	})
}

func (s *Stream) read() {
	defer close(s.ended)
	for {
		trigger, err := s.raw.Recv()
		if err != nil {
			s.err = err
			return
		}
		s.triggers <- trigger
	}
}

// Send sends any message.
func (s *Stream) Send(request *schedulerv1.WatchJobsRequest) error { return s.raw.Send(request) }

// Answer sends the result of a trigger.
func (s *Stream) Answer(id uint64, status schedulerv1.WatchJobsRequestResultStatus) error {
	return s.Send(&schedulerv1.WatchJobsRequest{
		WatchJobRequestType: &schedulerv1.WatchJobsRequest_Result{
			Result: &schedulerv1.WatchJobsRequestResult{Id: id, Status: status},
		},
	})
}

// Triggers gives what has come.
func (s *Stream) Triggers() <-chan *schedulerv1.WatchJobsResponse { return s.triggers }

// Next waits for a trigger.
func (s *Stream) Next(limit time.Duration) (*schedulerv1.WatchJobsResponse, error) {
	select {
	case trigger := <-s.triggers:
		return trigger, nil
	case <-s.ended:
		return nil, fmt.Errorf("the stream has ended: %w", s.err)
	case <-time.After(limit):
		return nil, fmt.Errorf("no trigger within %v", limit)
	}
}

// HalfClose says that nothing more will be sent.
func (s *Stream) HalfClose() error { return s.raw.CloseSend() }

// Cancel ends the stream.
func (s *Stream) Cancel() { s.cancel() }

// WaitForEnd returns what ended the stream, or an error that says that nothing did.
func (s *Stream) WaitForEnd(limit time.Duration) error {
	select {
	case <-s.ended:
		return s.err
	case <-time.After(limit):
		return fmt.Errorf("the stream has not ended within %v", limit)
	}
}

// HasEnded tells whether the stream has ended.
func (s *Stream) HasEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}
