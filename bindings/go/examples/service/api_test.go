package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/melu-rs/melu/bindings/go"
)

func itoa(number int) string       { return strconv.Itoa(number) }
func itemID(index int) string      { return "item " + itoa(index) }
func same(a, b any) bool           { return reflect.DeepEqual(a, b) }
func code(said map[string]any) any { e, _ := said["error"].(map[string]any); return e["code"] }

// The lists are those that the package gives for the same profile and answers.
func TestAnInterviewGivesWhatThePackageGives(t *testing.T) {
	model, err := melu.Open("../../testdata/choosing.melu")
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	catalog, err := model.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	defer catalog.Close()
	user, err := catalog.NewUser()
	if err != nil {
		t.Fatal(err)
	}
	defer user.Close()
	questions, err := catalog.NewQuestions()
	if err != nil {
		t.Fatal(err)
	}
	defer questions.Close()

	c := serve(t, "choosing").client
	path := "/users/" + c.expect(t, http.StatusCreated, "POST", "/users", `{"profile":{}}`)["user"].(string)
	var unknown []uint32
	for round := range 12 {
		question, err := user.NextQuestion(questions, melu.Asked{Unknown: unknown})
		if err != nil {
			t.Fatal(err)
		}
		id, _ := catalog.ID(question.Item)
		asked := c.expect(t, http.StatusOK, "GET", path+"/question", "")["question"].(map[string]any)
		if asked["item"] != id {
			t.Fatalf("asked %v, not %s", asked, id)
		}
		body := fmt.Sprintf(`{"item":%q,"unknown":true}`, id)
		if round%3 == 0 {
			unknown = append(unknown, question.Item)
		} else {
			rating := float32(1 + round%5)
			if err := user.Rate(question.Item, rating); err != nil {
				t.Fatal(err)
			}
			body = fmt.Sprintf(`{"item":%q,"rating":%g}`, id, rating)
		}
		c.expect(t, http.StatusNoContent, "POST", path+"/answers", body)

		best, err := user.AppendBest(nil, 5, melu.RecommendOptions{})
		if err != nil {
			t.Fatal(err)
		}
		listed := c.expect(t, http.StatusOK, "GET", path+"/recommendations?count=5", "")["items"].([]any)
		if len(listed) != len(best) {
			t.Fatalf("%v, not %v", listed, best)
		}
		for i, found := range best {
			id, _ := catalog.ID(found.Item)
			got := listed[i].(map[string]any)
			if got["item"] != id || float32(got["rating"].(float64)) != found.Rating ||
				float32(got["deviation"].(float64)) != found.Deviation {
				t.Errorf("%v, not %s %+v", got, id, found)
			}
		}
	}
}

func TestAnswersAreChangedAndTakenBack(t *testing.T) {
	c := serve(t, "choosing").client
	p := crowd(t, c, 1)[0]
	rate := func(body string) { c.expect(t, http.StatusNoContent, "POST", "/users/"+p.id+"/answers", body) }
	is := func(want map[string]float64) {
		t.Helper()
		if got := p.kept(t, c); !same(got, want) {
			t.Errorf("%v, not %v", got, want)
		}
	}
	is(map[string]float64{})
	rate(`{"item":"item 1","rating":5}`)
	rate(`{"item":"item 2","unknown":true}`)
	rate(`{"item":"item 1","rating":2}`)
	is(map[string]float64{"item 1": 2, "item 2": unknownAnswer})
	rate(`{"item":"item 1","unknown":true}`)
	rate(`{"item":"item 2","rating":3}`)
	rate(`{"item":"item 1","unknown":true}`)
	is(map[string]float64{"item 1": unknownAnswer, "item 2": 3})
	for _, item := range []string{"item 1", "item 2"} {
		c.expect(t, http.StatusNoContent, "DELETE", "/users/"+p.id+"/answers?item="+url.QueryEscape(item), "")
	}
	is(map[string]float64{})

	for i := range items {
		rate(fmt.Sprintf(`{"item":%q,"unknown":true}`, itemID(i)))
	}
	if said := c.expect(t, http.StatusOK, "GET", "/users/"+p.id+"/question", ""); said["question"] != nil {
		t.Errorf("there is nothing left to ask: %v", said)
	}
	c.expect(t, http.StatusNoContent, "DELETE", "/users/"+p.id, "")
	for _, path := range []string{"/answers", "/question", "/recommendations"} {
		c.expect(t, http.StatusNotFound, "GET", "/users/"+p.id+path, "")
	}
}

func TestProfilesAreTakenAndUnknownValuesNamed(t *testing.T) {
	c := serve(t, "sample").client
	said := c.expect(t, http.StatusCreated, "POST", "/users", `{"profile":{"region":"n"}}`)
	if !same(said["unknown"], []any{}) {
		t.Errorf("%v", said)
	}
	north := c.expect(t, http.StatusOK, "GET", "/users/"+said["user"].(string)+"/recommendations", "")
	said = c.expect(t, http.StatusCreated, "POST", "/users", `{"profile":{"region":["nowhere"]}}`)
	if !same(said["unknown"], []any{"region"}) {
		t.Errorf("%v", said)
	}
	nowhere := c.expect(t, http.StatusOK, "GET", "/users/"+said["user"].(string)+"/recommendations", "")
	if same(north, nowhere) {
		t.Errorf("the region is of no use: %v", north)
	}
}

func TestMistakesAreSaidClearly(t *testing.T) {
	s := serve(t, "choosing")
	c := s.client
	p := crowd(t, c, 1)[0]
	answers := "/users/" + p.id + "/answers"
	large := `{"profile":{"region":"` + strings.Repeat("n", maxBody) + `"}}`
	for _, wrong := range []struct {
		method, path, body string
		status             int
		code, words        string
	}{
		{"POST", "/users", "", 400, "bad_request", "empty"},
		{"POST", "/users", "{", 400, "bad_request", "unexpected"},
		{"POST", "/users", `{} {}`, 400, "bad_request", "follows"},
		{"POST", "/users", `{"profil":{}}`, 400, "bad_request", "profil"},
		{"POST", "/users", `{"profile":{"region":true}}`, 400, "bad_request", "region"},
		{"POST", "/users", `{"profile":{"regio":"n"}}`, 400, "bad_profile", "regio"},
		{"POST", "/users", large, 413, "too_large", "65536"},
		{"POST", answers, `{"item":"item 1"}`, 400, "bad_request", "either"},
		{"POST", answers, `{"item":"item 1","rating":3,"unknown":true}`, 400, "bad_request", "either"},
		{"POST", answers, `{"item":"item 1","rating":1e99}`, 400, "bad_request", "rating"},
		{"POST", answers, `{"item":"nothing","rating":3}`, 404, "unknown_item", "nothing"},
		{"POST", "/users/nobody/answers", `{"item":"item 1","rating":3}`, 404, "unknown_user", "user"},
		{"DELETE", answers + "?item=item+1", "", 404, "no_answer", "item 1"},
		{"DELETE", answers, "", 404, "unknown_item", ""},
		{"DELETE", "/users/nobody", "", 404, "unknown_user", "user"},
		{"GET", "/users/nobody/question", "", 404, "unknown_user", "user"},
		{"GET", "/users/" + p.id + "/recommendations?count=0", "", 400, "bad_request", "1000"},
		{"GET", "/users/" + p.id + "/recommendations?count=many", "", 400, "bad_request", "1000"},
		{"PUT", answers, "", 405, "bad_method", "POST"},
		{"POST", "/nowhere", "", 405, "bad_method", "GET"},
	} {
		said := c.expect(t, wrong.status, wrong.method, wrong.path, wrong.body)
		message, _ := said["error"].(map[string]any)["message"].(string)
		if code(said) != wrong.code || !strings.Contains(message, wrong.words) {
			t.Errorf("%s %s %.80s: %v", wrong.method, wrong.path, wrong.body, said)
		}
	}
	slow := httptest.NewRecorder()
	s.handler.ServeHTTP(slow, httptest.NewRequest("POST", "/users", iotest.ErrReader(os.ErrDeadlineExceeded)))
	if slow.Code != http.StatusRequestTimeout || !strings.Contains(slow.Body.String(), `"timeout"`) {
		t.Errorf("%d %s", slow.Code, slow.Body)
	}
	// The tests' models have no scale that a rating could lie beyond.
	beyond := problemOf(&melu.Error{Status: melu.ErrRating, Message: "rating 50"})
	if beyond.status != http.StatusBadRequest || beyond.Code != "bad_rating" || beyond.Message != "rating 50" {
		t.Errorf("%+v", beyond)
	}
	var full *problem
	err := fits(&record{unknown: make([]string, maxAnswers+1)}, 0)
	if !errors.As(err, &full) || full.status != http.StatusConflict {
		t.Errorf("%v", err)
	}
	if err := fits(&record{unknown: make([]string, maxAnswers-1)}, 1); err != nil {
		t.Error(err)
	}
	if kept := p.kept(t, c); len(kept) > 0 {
		t.Errorf("mistakes were taken as answers: %v", kept)
	}
}

func text(t testing.TB, c *client, path string) (int, string) {
	t.Helper()
	response, err := c.http.Get(c.base + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestFilesHealthAndMetricsAreServed(t *testing.T) {
	s := serve(t, "choosing")
	c := s.client
	crowd(t, c, 3)
	if err := os.WriteFile(filepath.Join(s.site, "index.html"), []byte("<p>melu"), 0o600); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(s.site, "link")); err != nil {
		t.Fatal(err)
	}
	if status, page := text(t, c, "/"); status != http.StatusOK || page != "<p>melu" {
		t.Errorf("%d %q", status, page)
	}
	for _, path := range []string{"/link", "/../secret", "/nothing"} {
		if status, page := text(t, c, path); status < 400 || strings.Contains(page, "secret") {
			t.Errorf("%s: %d %q", path, status, page)
		}
	}
	if said := c.expect(t, http.StatusOK, "GET", "/healthz", ""); said["items"] != float64(items) {
		t.Errorf("%v", said)
	}
	_, metrics := text(t, c, "/metrics")
	for _, line := range []string{
		`melu_http_request_seconds_count{route="POST /users",status="201"} 3`,
		"melu_commit_changes_sum 3",
		"melu_catalog_items 40",
		"melu_http_requests_in_progress 1",
		"go_goroutines ",
		"process_open_fds ",
	} {
		if !strings.Contains(metrics, "\n"+line) {
			t.Errorf("no %s in %s", line, metrics)
		}
	}
}

func TestRequestsBeyondTheLimitAreToldToComeBack(t *testing.T) {
	mux, entered, leave := http.NewServeMux(), make(chan bool), make(chan bool)
	mux.HandleFunc("GET /wait", func(http.ResponseWriter, *http.Request) { entered <- true; <-leave })
	handler := watch(mux, newMetrics(), 1)
	ask := func(path string) *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
		return answer
	}
	done := make(chan bool)
	go func() { ask("/wait"); close(done) }()
	<-entered
	if got := ask("/wait"); got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") != "1" {
		t.Errorf("%+v", got)
	}
	leave <- true
	<-done
	if got := ask("/nowhere"); got.Code != http.StatusNotFound || !strings.Contains(got.Body.String(), "unknown_path") {
		t.Errorf("%+v", got)
	}
}
