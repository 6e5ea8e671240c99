package main

import (
	"bufio"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must come; no test measures time by it.
const patience = time.Minute

// The test's program is the service, where a test starts it as such.
func TestMain(m *testing.M) {
	if os.Getenv("MELU_TEST_IS_SERVICE") != "" {
		main()
		return
	}
	// Writing the log costs what it costs a service, and nobody reads it here.
	slog.SetDefault(slog.New(slog.NewJSONHandler(io.Discard, nil)))
	os.Exit(m.Run())
}

// process is a service of its own, that signals can be sent to.
type process struct {
	command *exec.Cmd
	address string
	lines   chan map[string]any
	ended   chan error
}

// folder has a weight file, and room for users.
func folder(t testing.TB) string {
	folder := t.TempDir()
	replaceModel(t, folder, "choosing")
	return folder
}

// replaceModel puts one of the package's models, or a file that is none, in place as `melu train`
// does it.
func replaceModel(t testing.TB, folder, name string) {
	t.Helper()
	data := []byte("no weight file")
	var err error
	if name != "" {
		data, err = os.ReadFile(filepath.Join("..", "..", "testdata", name+".melu"))
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "new"), data, 0o600)
	}
	if err == nil {
		err = os.Rename(filepath.Join(folder, "new"), filepath.Join(folder, "world.melu"))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// start runs the service on a folder's model and users until the test ends.
func start(t testing.TB, folder string) *process {
	t.Helper()
	p := &process{lines: make(chan map[string]any, 1000), ended: make(chan error, 1)}
	p.command = exec.Command(os.Args[0], "-address", "localhost:0",
		"-users", filepath.Join(folder, "users.db"), filepath.Join(folder, "world.melu"))
	p.command.Env = append(os.Environ(), "MELU_TEST_IS_SERVICE=1")
	log, err := p.command.StderrPipe()
	if err == nil {
		err = p.command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.command.Process.Kill() })
	go func() {
		defer close(p.lines)
		scanner := bufio.NewScanner(log)
		for scanner.Scan() {
			line := map[string]any{}
			if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
				// As the race detector's reports, which are not JSON.
				t.Errorf("the log has %q", scanner.Text())
			}
			if line["msg"] != "request" {
				p.lines <- line
			}
		}
		p.ended <- p.command.Wait()
	}()
	p.address = p.waitFor(t, "listening")["address"].(string)
	return p
}

// waitFor returns the first line of the log with a message, after those that were seen.
func (p *process) waitFor(t testing.TB, message string) map[string]any {
	t.Helper()
	late := time.After(patience)
	var seen []map[string]any
	for {
		select {
		case line, more := <-p.lines:
			seen = append(seen, line)
			if !more {
				t.Fatalf("the service ended: %v", seen)
			}
			if line["msg"] == message {
				return line
			}
		case <-late:
			t.Fatalf("the log never said %q, but %v", message, seen)
		}
	}
}

func (p *process) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := p.command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// wait returns how the service ended.
func (p *process) wait(t testing.TB) error {
	t.Helper()
	go func() {
		for range p.lines {
		}
	}()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(patience):
		t.Fatal("the service does not end")
		return nil
	}
}

// stop ends the service as an operator does.
func (p *process) stop(t testing.TB) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	if err := p.wait(t); err != nil {
		t.Fatal(err)
	}
}

func TestOneServiceAtATimeHasTheUsers(t *testing.T) {
	folder := folder(t)
	first := start(t, folder)
	second := exec.Command(os.Args[0], "-address", "localhost:0",
		"-users", filepath.Join(folder, "users.db"), filepath.Join(folder, "world.melu"))
	second.Env = append(os.Environ(), "MELU_TEST_IS_SERVICE=1")
	said, err := second.CombinedOutput()
	if err == nil || !strings.Contains(string(said), "another service uses it") {
		t.Errorf("%v: %s", err, said)
	}
	first.stop(t)
}
