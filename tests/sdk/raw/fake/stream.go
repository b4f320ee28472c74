package fake

import (
	"slices"
	"sync"
	"testing"
	"time"

	schedulerv1 "github.com/dapr/dapr/pkg/proto/scheduler/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

const (
	resultsMax = 10000 // that a test may leave unread
	pollPause  = 10 * time.Millisecond
)

// Stream is a WatchJobs stream of a sidecar.
type Stream struct {
	Initial *schedulerv1.WatchJobsRequestInitial
	// Address of the other end: the same one only for streams of one connection.
	Peer    string
	Results chan *schedulerv1.WatchJobsRequestResult

	raw    schedulerv1.Scheduler_WatchJobsServer
	mutex  sync.Mutex
	lastID uint64
	end    chan error
	gone   chan struct{}
}

// WatchJobs serves a stream until the sidecar or the test ends it.
func (s *Scheduler) WatchJobs(raw schedulerv1.Scheduler_WatchJobsServer) error {
	first, err := raw.Recv()
	if err != nil {
		return err
	}
	if first.GetInitial() == nil {
		return status.Error(codes.Unknown, "initial request is required on stream connection")
	}
	from, _ := peer.FromContext(raw.Context())
	stream := &Stream{
		Initial: first.GetInitial(),
		Peer:    from.Addr.String(),
		Results: make(chan *schedulerv1.WatchJobsRequestResult, resultsMax),
		raw:     raw,
		end:     make(chan error, 1),
		gone:    make(chan struct{}),
	}
	if err := s.wait(raw.Context(), func() bool { return s.ready }); err != nil {
		return err
	}
	s.change(func() { s.streams = append(s.streams, stream) })
	defer s.change(func() {
		s.streams = slices.DeleteFunc(s.streams, func(other *Stream) bool { return other == stream })
		close(stream.gone)
	})
	received := make(chan error, 1)
	go func() { received <- stream.receive() }()
	select {
	case err := <-received:
		return err
	case err := <-stream.end:
		return err
	case <-raw.Context().Done():
		return raw.Context().Err()
	}
}

func (s *Stream) receive() error {
	for {
		request, err := s.raw.Recv()
		if err != nil {
			return err
		}
		if request.GetResult() == nil {
			return status.Error(codes.Unknown, "expected a result")
		}
		s.Results <- request.GetResult()
	}
}

// Trigger sends a trigger and returns its id.
func (s *Stream) Trigger(t *testing.T, name string, data *anypb.Any) uint64 {
	t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.lastID++
	err := s.raw.Send(&schedulerv1.WatchJobsResponse{
		Name: name,
		Id:   s.lastID,
		Data: data,
		Metadata: &schedulerv1.JobMetadata{
			AppId:     s.Initial.GetAppId(),
			Namespace: s.Initial.GetNamespace(),
			Target: &schedulerv1.JobTargetMetadata{
				Type: &schedulerv1.JobTargetMetadata_Job{Job: &schedulerv1.TargetJob{}},
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.lastID
}

// Send sends any message, as a scheduler of a later version might.
func (s *Stream) Send(trigger *schedulerv1.WatchJobsResponse) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.raw.Send(trigger)
}

// Result waits for the next answer.
func (s *Stream) Result(t *testing.T, limit time.Duration) *schedulerv1.WatchJobsRequestResult {
	t.Helper()
	select {
	case result := <-s.Results:
		return result
	case <-s.gone:
		t.Fatal("the stream ended before the answer")
	case <-time.After(limit):
		t.Fatalf("no answer within %v", limit)
	}
	return nil
}

// End ends the stream with a status; nil is OK.
func (s *Stream) End(err error) { s.end <- err }

// IsGone tells whether the stream has ended.
func (s *Stream) IsGone() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

// Streams returns those that are open.
func (s *Scheduler) Streams() []*Stream {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.streams)
}

// WaitForStreams waits until so many are open, and returns them.
func (s *Scheduler) WaitForStreams(t *testing.T, count int, limit time.Duration) []*Stream {
	t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(pollPause) {
		streams := s.Streams()
		if len(streams) == count {
			return streams
		}
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain for %d streams, there are %d", limit, count, len(streams))
		}
	}
}
