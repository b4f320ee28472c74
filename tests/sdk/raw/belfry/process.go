// Package belfry runs our programs in tests.
package belfry

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

const (
	startLimit = 30 * time.Second
	stopLimit  = 15 * time.Second
	pollPause  = 10 * time.Millisecond

	// Below the ports that the system hands out for connections.
	firstPort = 20000
	lastPort  = 32000
	portTries = 100
)

// FreePort returns a port of the loopback that nobody uses now.
func FreePort(t *testing.T) int {
	t.Helper()
	for range portTries {
		port := firstPort + rand.IntN(lastPort-firstPort)
		listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err == nil {
			listener.Close()
			return port
		}
	}
	t.Fatal("found no free port")
	return 0
}

// Eventually waits until check is true, and fails the test after the limit.
func Eventually(t *testing.T, what string, limit time.Duration, check func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !check(); time.Sleep(pollPause) {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain for %s", limit, what)
		}
	}
}

// Process is one of our programs. It ends with the test, and its log is shown if that fails.
type Process struct {
	t       *testing.T
	name    string
	command *exec.Cmd
	done    chan struct{}
}

func start(t *testing.T, name string, environment []string, arguments ...string) *Process {
	t.Helper()
	directory := os.Getenv("BELFRY_BIN_DIR")
	if directory == "" {
		t.Fatal("BELFRY_BIN_DIR does not say where belfry-scheduler and belfry-sidecar are")
	}
	log, err := os.Create(filepath.Join(t.TempDir(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(filepath.Join(directory, name), arguments...)
	command.Stdout, command.Stderr = log, log
	command.Env = append(os.Environ(), environment...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	process := &Process{t: t, name: name, command: command, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The signal at the parent's death is tied to the thread that started the child.
		runtime.LockOSThread()
		defer close(process.done)
		err := command.Start()
		started <- err
		if err == nil {
			command.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Kill()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("log of %s:\n%s", name, text)
		}
		log.Close()
	})
	return process
}

// Kill is kill -9; returns when the process is gone.
func (p *Process) Kill() {
	p.command.Process.Kill()
	<-p.done
}

// Stop asks the process to end and returns its exit code.
func (p *Process) Stop() int {
	p.t.Helper()
	p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopLimit):
		p.t.Fatalf("%s did not end within %v", p.name, stopLimit)
	}
	return p.command.ProcessState.ExitCode()
}

// Pause stops the process from running, without ending it; Continue lets it go on.
func (p *Process) Pause() { p.command.Process.Signal(syscall.SIGSTOP) }

// Continue ends a Pause.
func (p *Process) Continue() { p.command.Process.Signal(syscall.SIGCONT) }

// Waits until the process has told its ports, and returns them.
func (p *Process) ports(file string) map[string]int {
	p.t.Helper()
	var text []byte
	Eventually(p.t, "the ports of "+p.name, startLimit, func() bool {
		select {
		case <-p.done:
			p.t.Fatalf("%s ended with code %d", p.name, p.command.ProcessState.ExitCode())
		default:
		}
		var err error
		text, err = os.ReadFile(file)
		return err == nil
	})
	var ports map[string]int
	if err := json.Unmarshal(text, &ports); err != nil {
		p.t.Fatal(err)
	}
	return ports
}
