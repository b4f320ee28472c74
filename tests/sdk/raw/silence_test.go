package raw

import (
	"net"
	"sync"
	"testing"
	"time"

	"belfry/tests/sdk/raw/belfry"
	"belfry/tests/sdk/raw/fake"
	"belfry/tests/sdk/raw/reference"
)

// Carries connections to an address, until it is told to fall silent: then those that are there
// stay open, but nothing passes any more, as with a cable that was pulled. New ones are carried.
type proxy struct {
	address string

	target   string
	mutex    sync.Mutex
	silenced chan struct{} // closed for the connections of before
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	p := &proxy{
		address:  listener.Addr().String(),
		target:   target,
		silenced: make(chan struct{}),
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go p.carry(t, connection)
		}
	}()
	return p
}

func (p *proxy) silence() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	close(p.silenced)
	p.silenced = make(chan struct{})
}

func (p *proxy) carry(t *testing.T, near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer far.Close()
	p.mutex.Lock()
	silenced := p.silenced
	p.mutex.Unlock()
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			pass(pair[0], pair[1], silenced)
			done <- struct{}{}
		}()
	}
	<-done
	select {
	case <-silenced:
		<-t.Context().Done() // keeps both ends open
	default:
	}
}

func pass(from, to net.Conn, silenced <-chan struct{}) {
	buffer := make([]byte, 64*1024)
	for {
		count, err := from.Read(buffer)
		select {
		case <-silenced:
			return
		default:
		}
		if err != nil {
			return
		}
		if _, err := to.Write(buffer[:count]); err != nil {
			return
		}
	}
}

// The sidecar gives up a scheduler that went silent, and finds it again.
func TestASilentSchedulerIsGivenUp(t *testing.T) {
	t.Parallel()
	scheduler := fake.Start(t)
	proxy := startProxy(t, scheduler.Address)
	scheduler.SetHosts(proxy.address)
	belfry.StartSidecar(t, proxy.address, startApp(t).port)
	before := map[*fake.Stream]bool{}
	for _, stream := range scheduler.WaitForStreams(t, reference.StreamsPerHost, soon) {
		before[stream] = true
	}
	proxy.silence()
	belfry.Eventually(t, "new streams", time.Minute, func() bool {
		fresh := 0
		for _, stream := range scheduler.Streams() {
			if !before[stream] {
				fresh++
			}
		}
		return fresh == reference.StreamsPerHost
	})
	for _, stream := range scheduler.Streams() {
		if !before[stream] {
			expectResult(t, stream, stream.Trigger(t, "job", nil), reference.Success)
		}
	}
}

// The scheduler gives up a sidecar that went silent: its triggers go to another one.
func TestASilentSidecarIsGivenUp(t *testing.T) {
	t.Parallel()
	scheduler := belfry.StartScheduler(t)
	proxy := startProxy(t, scheduler.Address)
	jobs := newJobs(t, scheduler.Address)
	silent := openStream(t, proxy.address)
	jobs.schedule("job", dueNowOrNever())
	next(t, silent)
	other := openStream(t, scheduler.Address)
	proxy.silence()
	// Pings after 3 s of silence, and waits 5 s for the answer.
	trigger, err := other.Next(20 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	answer(t, other, trigger.GetId(), reference.Success)
	jobs.expectNames()
}
