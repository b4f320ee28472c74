// Package reference behaves towards a scheduler as the reference's sidecar does: it asks WatchHosts
// for the schedulers, then opens several WatchJobs streams to each, every stream on a connection
// of its own, with gRPC-Go's pings switched on.
package reference

import (
	"context"
	"fmt"
	"math"
	"time"

	schedulerv1 "github.com/dapr/dapr/pkg/proto/scheduler/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// StreamsPerHost is the reference's default.
const StreamsPerHost = 3

// Dial connects with the reference's settings. gRPC-Go raises the time between pings to 10 s.
func Dial(address string) (*grpc.ClientConn, error) {
	return grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time:                3 * time.Second,
			Timeout:             5 * time.Second,
			PermitWithoutStream: true,
		}))
}

// Sidecar is connected to the hosts that WatchHosts told.
type Sidecar struct {
	Hosts   []string
	Streams []*Stream

	hosts       schedulerv1.Scheduler_WatchHostsClient
	connections []*grpc.ClientConn
	cancel      context.CancelFunc
}

type introduction = *schedulerv1.WatchJobsRequestInitial

// Initial is what a sidecar of app "app" without actors says first. Whoever wants something else,
// for instance limits of concurrency, changes it before Connect.
func Initial() introduction {
	return &schedulerv1.WatchJobsRequestInitial{
		AppId:          "app",
		Namespace:      "default",
		AcceptJobTypes: []schedulerv1.JobTargetType{schedulerv1.JobTargetType_JOB_TARGET_TYPE_JOB},
	}
}

// Connect does all that the reference does between its start and being ready.
func Connect(ctx context.Context, address string, initial introduction) (*Sidecar, error) {
	ctx, cancel := context.WithCancel(ctx)
	sidecar := &Sidecar{cancel: cancel}
	if err := sidecar.connect(ctx, address, initial); err != nil {
		sidecar.Close()
		return nil, err
	}
	return sidecar, nil
}

func (s *Sidecar) connect(ctx context.Context, address string, initial introduction) error {
	connection, err := s.dial(address)
	if err != nil {
		return err
	}
	client := schedulerv1.NewSchedulerClient(connection)
	s.hosts, err = client.WatchHosts(ctx, &schedulerv1.WatchHostsRequest{})
	if err != nil {
		return err
	}
	response, err := s.hosts.Recv()
	if err != nil {
		return fmt.Errorf("WatchHosts: %w", err)
	}
	for _, host := range response.GetHosts() {
		s.Hosts = append(s.Hosts, host.GetAddress())
	}
	for _, host := range s.Hosts {
		for range StreamsPerHost {
			connection, err := s.dial(host)
			if err != nil {
				return err
			}
			stream, err := OpenStream(ctx, connection, initial)
			if err != nil {
				return err
			}
			s.Streams = append(s.Streams, stream)
		}
	}
	return nil
}

func (s *Sidecar) dial(address string) (*grpc.ClientConn, error) {
	connection, err := Dial(address)
	if err == nil {
		s.connections = append(s.connections, connection)
	}
	return connection, err
}

// Close drops everything.
func (s *Sidecar) Close() {
	s.cancel()
	for _, connection := range s.connections {
		connection.Close()
	}
}

// WaitForTrouble waits until the context ends and returns nil, or until a connection is not ready
// any more, which is how gRPC-Go shows a GOAWAY, or WatchHosts says anything.
func (s *Sidecar) WaitForTrouble(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	troubles := make(chan error, len(s.connections)+1)
	for i, connection := range s.connections {
		go func() {
			if connection.WaitForStateChange(ctx, connectivity.Ready) {
				troubles <- fmt.Errorf("connection %d became %v", i, connection.GetState())
			}
		}()
	}
	go func() {
		response, err := s.hosts.Recv()
		troubles <- fmt.Errorf("WatchHosts: %v, %v", response, err)
	}()
	select {
	case err := <-troubles:
		return err
	case <-ctx.Done():
		return nil
	}
}
