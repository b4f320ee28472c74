// An app that schedules jobs with Dapr's Go SDK and receives them with the SDK's own gRPC server.
// The driver tells it what to do, see tests/sdk/driver/program.py.
//
// usage: program JOB...    the names of the jobs that it handles
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/dapr/go-sdk/client"
	"github.com/dapr/go-sdk/service/common"
	daprd "github.com/dapr/go-sdk/service/grpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

const (
	callTimeout     = 35 * time.Second
	messageBytesMax = 16 << 20
	lineBytesMax    = 16 << 20
)

// What the driver knows of a job. Empty means absent: the SDK makes no difference.
type jobFields struct {
	Name          string         `json:"name"`
	Schedule      string         `json:"schedule,omitempty"`
	DueTime       string         `json:"due_time,omitempty"`
	Repeats       uint32         `json:"repeats,omitempty"`
	TTL           string         `json:"ttl,omitempty"`
	Data          []byte         `json:"data,omitempty"`
	TypeURL       string         `json:"type_url,omitempty"`
	FailurePolicy *failurePolicy `json:"failure_policy,omitempty"`
}

type failurePolicy struct {
	Drop     *struct{}      `json:"drop,omitempty"`
	Constant *constantRetry `json:"constant,omitempty"`
}

type constantRetry struct {
	IntervalMs int64  `json:"interval_ms"`
	MaxRetries uint32 `json:"max_retries"`
}

type request struct {
	ID        int       `json:"id"`
	Op        string    `json:"op"`
	Name      string    `json:"name"`
	Job       jobFields `json:"job"`
	Overwrite bool      `json:"overwrite"`
}

type callError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type answer struct {
	ID    int        `json:"id"`
	Job   *jobFields `json:"job,omitempty"`
	Error *callError `json:"error,omitempty"`
}

type event struct {
	Event string `json:"event"`
	Name  string `json:"name,omitempty"`
	Data  []byte `json:"data"`
}

var printing sync.Mutex

func say(message any) {
	text, err := json.Marshal(message)
	if err != nil {
		log.Fatal(err)
	}
	printing.Lock()
	defer printing.Unlock()
	fmt.Printf("@@ %s\n", text)
}

// Reports each trigger of one job, and refuses the first ones if the job's name says so.
func handlerOf(name string) common.JobEventHandler {
	var failures int
	if found := regexp.MustCompile(`^fails-(\d+)-`).FindStringSubmatch(name); found != nil {
		failures, _ = strconv.Atoi(found[1])
	}
	var mutex sync.Mutex
	return func(_ context.Context, job *common.JobEvent) error {
		mutex.Lock()
		defer mutex.Unlock()
		say(event{Event: "job", Name: job.JobType, Data: job.Data})
		if failures > 0 {
			failures--
			return errors.New("refused on purpose")
		}
		return nil
	}
}

func toJob(fields jobFields, overwrite bool) *client.Job {
	options := []client.JobOption{}
	if fields.Schedule != "" {
		options = append(options, client.WithJobSchedule(fields.Schedule))
	}
	if fields.DueTime != "" {
		options = append(options, client.WithJobDueTime(fields.DueTime))
	}
	if fields.Repeats != 0 {
		options = append(options, client.WithJobRepeats(fields.Repeats))
	}
	if fields.TTL != "" {
		options = append(options, client.WithJobTTL(fields.TTL))
	}
	if fields.Data != nil {
		data := &anypb.Any{TypeUrl: fields.TypeURL, Value: fields.Data}
		options = append(options, client.WithJobData(data))
	}
	if policy := fields.FailurePolicy; policy != nil {
		if policy.Drop != nil {
			options = append(options, client.WithJobDropFailurePolicy())
		} else {
			interval := time.Duration(policy.Constant.IntervalMs) * time.Millisecond
			options = append(options, client.WithJobConstantFailurePolicyInterval(interval),
				client.WithJobConstantFailurePolicyMaxRetries(policy.Constant.MaxRetries))
		}
	}
	job := client.NewJob(fields.Name, options...)
	job.Overwrite = overwrite
	return job
}

func fromJob(job *client.Job) *jobFields {
	fields := &jobFields{
		Name:     job.Name,
		Schedule: *job.Schedule,
		DueTime:  *job.DueTime,
		Repeats:  *job.Repeats,
		TTL:      *job.TTL,
		Data:     job.Data.GetValue(),
		TypeURL:  job.Data.GetTypeUrl(),
	}
	switch policy := job.FailurePolicy.(type) {
	case *client.JobFailurePolicyDrop:
		fields.FailurePolicy = &failurePolicy{Drop: &struct{}{}}
	case *client.JobFailurePolicyConstant:
		retry := &constantRetry{policy.Interval.Milliseconds(), *policy.MaxRetries}
		fields.FailurePolicy = &failurePolicy{Constant: retry}
	}
	return fields
}

func carryOut(dapr client.Client, asked request) answer {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	result := answer{ID: asked.ID}
	var err error
	switch asked.Op {
	case "schedule":
		err = dapr.ScheduleJob(ctx, toJob(asked.Job, asked.Overwrite))
	case "get":
		var job *client.Job
		if job, err = dapr.GetJob(ctx, asked.Name); err == nil {
			result.Job = fromJob(job)
		}
	case "delete":
		err = dapr.DeleteJob(ctx, asked.Name)
	default:
		err = fmt.Errorf("no such call: %q", asked.Op)
	}
	if err != nil {
		result.Error = &callError{status.Code(err).String(), err.Error()}
	}
	return result
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("APP_PORT"))
	if err != nil {
		log.Fatal(err)
	}
	server := daprd.NewServiceWithListener(listener, grpc.MaxRecvMsgSize(messageBytesMax))
	for _, name := range os.Args[1:] {
		if err := server.AddJobEventHandler(name, handlerOf(name)); err != nil {
			log.Fatal(err)
		}
	}
	go func() {
		if err := server.Start(); err != nil {
			log.Fatal(err)
		}
	}()
	dapr, err := client.NewClient()
	if err != nil {
		log.Fatal(err)
	}
	defer dapr.Close()
	say(event{Event: "ready"})

	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, lineBytesMax)
	for lines.Scan() {
		var asked request
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		if asked.Op == "stop" {
			if err := server.GracefulStop(); err != nil {
				log.Fatal(err)
			}
			return
		}
		say(carryOut(dapr, asked))
	}
	log.Fatal("the driver went away")
}
