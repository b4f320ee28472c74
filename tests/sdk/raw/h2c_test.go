package raw

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"belfry/tests/sdk/raw/belfry"
)

// Go's HTTP/2 without TLS, and nothing else.
func onlyH2C() *http.Protocols {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return protocols
}

func h2cRequest(t *testing.T, client *http.Client, method, url, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.ProtoMajor != 2 {
		t.Fatalf("expected HTTP/2, got %s", response.Proto)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// The reference speaks both versions of HTTP on one port.
func TestTheHTTPPortSpeaksH2C(t *testing.T) {
	t.Parallel()
	const clients, jobsEach = 10, 30
	scheduler := belfry.StartScheduler(t)
	sidecar := belfry.StartSidecar(t, scheduler.Address, 0)
	belfry.Eventually(t, "the sidecar", soon, sidecar.IsReady)
	client := &http.Client{Timeout: soon, Transport: &http.Transport{Protocols: onlyH2C()}}
	call := func(method, path, body string, expected int) string {
		t.Helper()
		status, text := h2cRequest(t, client, method, sidecar.URL+path, body)
		if status != expected {
			t.Fatalf("%s %s: expected %d, got %d %s", method, path, expected, status, text)
		}
		return text
	}
	call(http.MethodGet, "/v1.0/healthz", "", http.StatusNoContent)
	call(http.MethodPost, "/v1.0/jobs/a", `{"dueTime":"1h","data":"x"}`, http.StatusNoContent)
	call(http.MethodPost, "/v1.0/jobs/a", `{"dueTime":"1h"}`, http.StatusConflict)
	call(http.MethodPost, "/v1.0/jobs/a", `{"dueTime":`, http.StatusBadRequest)
	_, older := sidecar.Request(http.MethodGet, "/v1.0/jobs/a", "")
	if newer := call(http.MethodGet, "/v1.0/jobs/a", "", http.StatusOK); newer != older {
		t.Fatalf("expected %s, got %s", older, newer)
	}
	call(http.MethodDelete, "/v1.0/jobs/a", "", http.StatusNoContent)
	large := `{"dueTime":"1h","data":"` + strings.Repeat("x", 3<<20) + `"}`
	call(http.MethodPost, "/v1.0/jobs/large", large, http.StatusNoContent)
	if text := call(http.MethodGet, "/v1.0/jobs/large", "", http.StatusOK); len(text) < 3<<20 {
		t.Fatalf("only %d bytes came back", len(text))
	}
	call(http.MethodPost, "/v1.0/jobs/larger", strings.Repeat(" ", 5<<20), http.StatusBadRequest)
	call(http.MethodDelete, "/v1.0/jobs/large", "", http.StatusNoContent)

	var group sync.WaitGroup
	for c := range clients {
		group.Go(func() {
			for i := range jobsEach {
				path := fmt.Sprintf("/v1.0/jobs/job-%d-%d", c, i)
				status, _ := h2cRequest(t, client, http.MethodPost, sidecar.URL+path, `{"dueTime":"1h"}`)
				if status != http.StatusNoContent {
					t.Errorf("%s: %d", path, status)
				}
			}
		})
	}
	group.Wait()
	if count := len(newJobs(t, scheduler.Address).names()); count != clients*jobsEach {
		t.Fatalf("expected %d jobs, got %d", clients*jobsEach, count)
	}
}

func startH2CApp(t *testing.T) *app {
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
	server := &http.Server{Handler: http.HandlerFunc(a.serve), Protocols: onlyH2C()}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return a
}

func TestJobsReachAnAppThatSpeaksH2C(t *testing.T) {
	t.Parallel()
	const many = 300 // more than Go takes on one connection
	scheduler := belfry.StartScheduler(t)
	app := startH2CApp(t)
	sidecar := belfry.StartSidecar(t, scheduler.Address, app.port, "--app-protocol=h2c")
	belfry.Eventually(t, "the sidecar", soon, sidecar.IsReady)
	jobs := newJobs(t, scheduler.Address)
	schedule := func(name, data string) {
		t.Helper()
		body := fmt.Sprintf(`{"dueTime":"0s","failurePolicy":{"drop":{}},"data":%q}`, data)
		if status, text := sidecar.Request(http.MethodPost, "/v1.0/jobs/"+name, body); status != 204 {
			t.Fatalf("%s: %d %s", name, status, text)
		}
	}
	large := strings.Repeat("x", 3<<20)
	schedule("large", large)
	if got := app.next(t); got.name != "large" || got.body != `"`+large+`"` {
		t.Fatalf("%s arrived with %d bytes", got.name, len(got.body))
	}
	for _, name := range []string{"204", "404", "500"} {
		schedule(name, "x")
		if got := app.next(t); got.name != name || got.header.Get("Content-Type") != "application/json" {
			t.Fatalf("unexpected delivery: %v", got)
		}
	}
	jobs.expectNames()
	for i := range many {
		schedule(fmt.Sprintf("hold-%d", i), "x")
	}
	for range many {
		app.next(t) // all at the same time
	}
	close(app.release)
	jobs.expectNames()
}
