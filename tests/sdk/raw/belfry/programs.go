package belfry

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Scheduler is a belfry-scheduler that can be killed and started again on its port and data.
type Scheduler struct {
	*Process
	Address string

	t         *testing.T
	directory string
	port      int
}

// StartScheduler starts one on an empty directory.
func StartScheduler(t *testing.T) *Scheduler {
	t.Helper()
	port := FreePort(t)
	scheduler := &Scheduler{
		Address:   fmt.Sprintf("127.0.0.1:%d", port),
		t:         t,
		directory: t.TempDir(),
		port:      port,
	}
	scheduler.Restart()
	return scheduler
}

// Restart starts it again after Kill or Stop.
func (s *Scheduler) Restart() {
	s.t.Helper()
	portsFile := filepath.Join(s.directory, "ports")
	os.Remove(portsFile)
	s.Process = start(s.t, "belfry-scheduler", nil,
		"--listen-address=127.0.0.1", "--healthz-listen-address=127.0.0.1",
		fmt.Sprintf("--port=%d", s.port), "--healthz-port=0", "--metrics-port=0",
		"--ports-file="+portsFile, "--data-dir="+filepath.Join(s.directory, "data"))
	s.Process.ports(portsFile)
}

// Sidecar is a belfry-sidecar of app "app".
type Sidecar struct {
	*Process
	URL string

	t *testing.T
}

// StartSidecar starts one for an HTTP app on appPort (0 means no app), with further flags.
func StartSidecar(t *testing.T, scheduler string, appPort int, flags ...string) *Sidecar {
	t.Helper()
	portsFile := filepath.Join(t.TempDir(), "ports")
	arguments := []string{
		"--app-id=app", "--scheduler-host-address=" + scheduler,
		"--dapr-http-port=0", "--dapr-grpc-port=0", "--metrics-port=0",
		"--dapr-listen-addresses=127.0.0.1", "--metrics-listen-address=127.0.0.1",
		"--ports-file=" + portsFile,
	}
	if appPort != 0 {
		arguments = append(arguments, fmt.Sprintf("--app-port=%d", appPort))
	}
	process := start(t, "belfry-sidecar", []string{"NAMESPACE="}, append(arguments, flags...)...)
	port := process.ports(portsFile)["http"]
	return &Sidecar{process, fmt.Sprintf("http://127.0.0.1:%d", port), t}
}

// Request sends an HTTP request to the sidecar and returns status and body.
func (s *Sidecar) Request(method, path, body string) (int, string) {
	s.t.Helper()
	status, text, err := s.try(method, path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return status, text
}

func (s *Sidecar) try(method, path, body string) (int, string, error) {
	request, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	client := http.Client{Timeout: 40 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// IsReady tells what the sidecar's health says.
func (s *Sidecar) IsReady() bool {
	status, _, err := s.try(http.MethodGet, "/v1.0/healthz", "")
	return err == nil && status == http.StatusNoContent
}
