// Package fake is a scheduler that behaves on the wire as the reference's does, but for firing: a
// test triggers by hand. It blocks instead of answering while it is not ready, tells hosts and
// changes of hosts, and refuses with CANCELLED while it is shutting down.
package fake

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	schedulerv1 "github.com/dapr/dapr/pkg/proto/scheduler/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// Scheduler is the fake. Safe for concurrent use.
type Scheduler struct {
	schedulerv1.UnimplementedSchedulerServer
	Address string

	server *grpc.Server

	mutex        sync.Mutex
	changed      chan struct{} // closed and replaced when anything below changes
	ready        bool
	shuttingDown bool
	hostless     bool
	hosts        []string
	hostCalls    int
	hostsRound   int   // counts changes of hosts
	hostsEnds    int   // counts how often open WatchHosts calls were ended
	hostsEnd     error // with what, the last time
	jobs         map[string]*schedulerv1.ScheduleJobRequest
	calls        []any
	refusals     []error
	streams      []*Stream
}

// Pings as the reference does, and leaves gRPC-Go's enforcement of pings as it is: a client that
// pings more often than every five minutes without need is thrown out.
var asTheReference = keepalive.ServerParameters{Time: 3 * time.Second, Timeout: 5 * time.Second}

// Start starts one that is ready and tells itself as the only host.
func Start(t *testing.T) *Scheduler {
	t.Helper()
	return start(t, "127.0.0.1:0", asTheReference)
}

// StartAt starts one on an address that was in use before.
func StartAt(t *testing.T, address string) *Scheduler {
	t.Helper()
	return start(t, address, asTheReference)
}

// StartInconstant starts one that sends a GOAWAY on every connection after a while.
func StartInconstant(t *testing.T, age time.Duration) *Scheduler {
	t.Helper()
	return start(t, "127.0.0.1:0", keepalive.ServerParameters{MaxConnectionAge: age})
}

func start(t *testing.T, address string, parameters keepalive.ServerParameters) *Scheduler {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	scheduler := &Scheduler{
		Address: listener.Addr().String(),
		server:  grpc.NewServer(grpc.KeepaliveParams(parameters)),
		changed: make(chan struct{}),
		ready:   true,
		hosts:   []string{listener.Addr().String()},
		jobs:    map[string]*schedulerv1.ScheduleJobRequest{},
	}
	schedulerv1.RegisterSchedulerServer(scheduler.server, scheduler)
	go scheduler.server.Serve(listener)
	t.Cleanup(scheduler.Stop)
	return scheduler
}

// Stop ends it at once, with all connections.
func (s *Scheduler) Stop() { s.server.Stop() }

func (s *Scheduler) change(what func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	what()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Waits until check holds, which is called with the lock held.
func (s *Scheduler) wait(ctx context.Context, check func() bool) error {
	for {
		s.mutex.Lock()
		holds, changed := check(), s.changed
		s.mutex.Unlock()
		if holds {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// SetReady makes calls wait (false) or go on (true).
func (s *Scheduler) SetReady(ready bool) { s.change(func() { s.ready = ready }) }

// SetShuttingDown makes it refuse unary calls with CANCELLED.
func (s *Scheduler) SetShuttingDown(down bool) { s.change(func() { s.shuttingDown = down }) }

// SetHostless makes it a scheduler that has no WatchHosts.
func (s *Scheduler) SetHostless() { s.change(func() { s.hostless = true }) }

// SetHosts changes the list, and tells it to everyone who watches.
func (s *Scheduler) SetHosts(hosts ...string) {
	s.change(func() { s.hosts = hosts; s.hostsRound++ })
}

// EndWatchHosts ends the WatchHosts calls that are open.
func (s *Scheduler) EndWatchHosts(err error) {
	s.change(func() { s.hostsEnd = err; s.hostsEnds++ })
}

// Refuse makes the next unary calls fail, one with each error.
func (s *Scheduler) Refuse(errors ...error) {
	s.change(func() { s.refusals = append(s.refusals, errors...) })
}

// WatchHostsCalls counts those that came.
func (s *Scheduler) WatchHostsCalls() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.hostCalls
}

// Calls returns the unary requests that came, also refused ones.
func (s *Scheduler) Calls() []any {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.calls)
}

// WatchHosts tells the hosts, and again when they change.
func (s *Scheduler) WatchHosts(_ *schedulerv1.WatchHostsRequest,
	stream schedulerv1.Scheduler_WatchHostsServer) error {
	var hostless bool
	var round, ends int
	s.change(func() {
		s.hostCalls++
		hostless, ends = s.hostless, s.hostsEnds
		round = s.hostsRound - 1 // the list as it is now is news
	})
	if hostless {
		return status.Error(codes.Unimplemented, "method WatchHosts not implemented")
	}
	for {
		var hosts []string
		var ended bool
		var end error
		err := s.wait(stream.Context(), func() bool {
			if ended, end = s.hostsEnds != ends, s.hostsEnd; ended {
				return true
			}
			if !s.ready || s.hostsRound == round {
				return false
			}
			round, hosts = s.hostsRound, s.hosts
			return true
		})
		if err != nil {
			return err
		}
		if ended {
			return end
		}
		response := &schedulerv1.WatchHostsResponse{}
		for _, host := range hosts {
			response.Hosts = append(response.Hosts, &schedulerv1.Host{Address: host})
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}

// What every unary call does first.
func (s *Scheduler) enter(ctx context.Context, request any) error {
	var refusal error
	s.change(func() {
		s.calls = append(s.calls, request)
		switch {
		case len(s.refusals) > 0:
			refusal = s.refusals[0]
			s.refusals = s.refusals[1:]
		case s.shuttingDown:
			refusal = status.Error(codes.Canceled, "context canceled")
		}
	})
	if refusal != nil {
		return refusal
	}
	return s.wait(ctx, func() bool { return s.ready })
}

func key(metadata *schedulerv1.JobMetadata, name string) string {
	return fmt.Sprintf("app||%s||%s||%s", metadata.GetNamespace(), metadata.GetAppId(), name)
}

// ScheduleJob keeps the job.
func (s *Scheduler) ScheduleJob(ctx context.Context,
	request *schedulerv1.ScheduleJobRequest) (*schedulerv1.ScheduleJobResponse, error) {
	if err := s.enter(ctx, request); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	full := key(request.GetMetadata(), request.GetName())
	if _, there := s.jobs[full]; there && !request.GetOverwrite() {
		return nil, status.Errorf(codes.AlreadyExists, "job already exists: '%s'", full)
	}
	s.jobs[full] = request
	return &schedulerv1.ScheduleJobResponse{}, nil
}

// GetJob returns a job as it was scheduled.
func (s *Scheduler) GetJob(ctx context.Context,
	request *schedulerv1.GetJobRequest) (*schedulerv1.GetJobResponse, error) {
	if err := s.enter(ctx, request); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	job, there := s.jobs[key(request.GetMetadata(), request.GetName())]
	if !there {
		return nil, status.Errorf(codes.NotFound, "job not found: %s", request.GetName())
	}
	return &schedulerv1.GetJobResponse{Job: job.GetJob()}, nil
}

// DeleteJob forgets a job; one that is not there is no error.
func (s *Scheduler) DeleteJob(ctx context.Context,
	request *schedulerv1.DeleteJobRequest) (*schedulerv1.DeleteJobResponse, error) {
	if err := s.enter(ctx, request); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.jobs, key(request.GetMetadata(), request.GetName()))
	return &schedulerv1.DeleteJobResponse{}, nil
}
