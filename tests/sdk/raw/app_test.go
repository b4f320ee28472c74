package raw

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

type delivery struct {
	name   string
	body   string
	header http.Header
}

// An HTTP app. The name of a job tells what is done with it: a number is the status to answer;
// what begins with "hold" is answered after release was closed.
type app struct {
	port       int
	deliveries chan delivery
	release    chan struct{}
}

func startApp(t *testing.T) *app {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &app{
		port:       listener.Addr().(*net.TCPAddr).Port,
		deliveries: make(chan delivery, 10000),
		release:    make(chan struct{}),
	}
	server := &http.Server{Handler: http.HandlerFunc(a.serve)}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return a
}

func (a *app) serve(response http.ResponseWriter, request *http.Request) {
	name, isJob := strings.CutPrefix(request.URL.Path, "/job/")
	if !isJob || request.Method != http.MethodPost {
		response.WriteHeader(http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		panic(fmt.Sprintf("reading a job: %v", err))
	}
	a.deliveries <- delivery{name, string(body), request.Header}
	if strings.HasPrefix(name, "hold") {
		select {
		case <-a.release:
		case <-request.Context().Done():
		}
	}
	if status, err := strconv.Atoi(name); err == nil {
		response.WriteHeader(status)
	}
}

func (a *app) next(t *testing.T) delivery {
	t.Helper()
	select {
	case d := <-a.deliveries:
		return d
	case <-time.After(soon):
		t.Fatalf("no delivery within %v", soon)
		return delivery{}
	}
}
