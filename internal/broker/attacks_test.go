package broker_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hoist-cli/hoist/internal/broker"
	"github.com/hoist-cli/hoist/internal/s3"
)

// signers ask each API that takes a name or a type for something to upload with.
func signers(w *world, token string) map[string]func(t *testing.T, name, kind string, size int) answer {
	return map[string]func(t *testing.T, name, kind string, size int) answer{
		"gitfolio": func(t *testing.T, name, _ string, _ int) answer {
			t.Helper()
			return do(t, "POST", w.url+"/api/v1/s3/generatePreSignedURL", bearer(token), object{"type": "profile", "filename": name})
		},
		"ctxfy": func(t *testing.T, name, kind string, size int) answer {
			t.Helper()
			return do(t, "POST", w.url+"/v1/upload/s3", bearer(token), object{"filename": name, "contentType": kind, "size": size})
		},
		"gipity": func(t *testing.T, name, kind string, size int) answer {
			t.Helper()
			return do(t, "POST", w.url+"/api/APP/uploads/init", app(token), object{"filename": name, "content_type": kind, "size": size})
		},
		"presigned-post": func(t *testing.T, name, kind string, _ int) answer {
			t.Helper()
			q := url.Values{"filename": {name}, "contenttype": {kind}, "source": {"field_value"}}
			return do(t, "GET", w.url+"/api/s3/presigned-post?"+q.Encode(), map[string]string{"X-Api-Key": token}, nil)
		},
	}
}

func TestNames(t *testing.T) {
	w := serve(t, newStore(t), nil)
	bad := map[string]string{
		"above":             "../../user_456/profile/avatar.jpg",
		"above on Windows":  `..\..\avatar.jpg`,
		"absolute":          "/etc/passwd.jpg",
		"dots":              "..",
		"dot":               ".",
		"folder":            "a/b.jpg",
		"NUL":               "avatar.jpg\x00.png",
		"line break":        "avatar\r\nX-Evil: 1.jpg",
		"1,000 characters":  strings.Repeat("a", 996) + ".jpg",
		"1,000 wide ones":   strings.Repeat("ä", 996) + ".jpg",
		"full-width slash":  "a\uff0fb.jpg",
		"division slash":    "a\u2215b.jpg",
		"one dot leaders":   "\u2024\u2024",
		"full-width stops":  "\uff0e\uff0e.jpg",
		"right to left":     "avatar\u202egpj.exe.jpg",
		"nothing to see":    "ava\u200btar.jpg",
		"space at the end":  "avatar.jpg ",
		"noncharacter":      "avatar\ufffe.jpg",
		"replacement":       "avatar\ufffd.jpg",
		"paragraph":         "avatar\u2029.jpg",
		"nothing but space": " ",
	}
	for api, sign := range signers(w, mine) {
		for name, text := range bad {
			t.Run(api+"/"+name, func(t *testing.T) {
				if a := sign(t, text, "image/jpeg", 5); a.status != 400 {
					t.Errorf("%q: %d %s", text, a.status, a.body)
				}
			})
		}
		// What people do call their files is taken as it is.
		for _, text := range []string{"Ünïcode 文件 (1).jpg", "a&b=c%2F..%2F?#.jpg", "👩‍👧.jpg", ".hidden.jpg", "a…b.jpg", `"quoted".jpg`, "${filename}.jpg"} {
			t.Run(api+"/taken/"+text, func(t *testing.T) {
				if a := sign(t, text, "image/jpeg", 5); a.status != 200 {
					t.Errorf("%q: %d %s", text, a.status, a.body)
				}
			})
		}
	}
}

// A taken name is stored under itself, and its public URL finds it.
func TestOddNames(t *testing.T) {
	eachStore(t, func(t *testing.T, store *s3.Store) {
		w := serve(t, store, nil)
		for _, name := range []string{"Ünïcode 文件 (1).png", "a&b=c%2F..%2F?#.png", "a+b;c.png"} {
			got := want(t, signers(w, mine)["gitfolio"](t, name, "", 0), 200)
			body := []byte(name)
			if a := do(t, "PUT", text(t, got, "data", "uploadURL"), map[string]string{"Content-Type": "image/png"}, body); a.status != 200 {
				t.Fatalf("%s: PUT: %d %s", name, a.status, a.body)
			}
			if a := follow(t, text(t, got, "data", "fileURL")); a.status != 200 || !bytes.Equal(a.body, body) {
				t.Errorf("%s: %d %q", name, a.status, a.body)
			}
			if _, err := store.Stat(t.Context(), "users/user_123/profile/"+name, ""); err != nil {
				t.Error(err)
			}
			update := do(t, "POST", w.url+"/api/v1/dashboard/user/update", bearer(mine), object{"profileImg": text(t, got, "data", "fileURL")})
			want(t, update, 200)
		}
	})
}

// follow gets what a redirect leads to.
func follow(t *testing.T, from string) answer {
	t.Helper()
	a := do(t, "GET", from, nil, nil)
	if a.status != http.StatusFound {
		t.Fatalf("%s: %d %s", from, a.status, a.body)
	}
	return do(t, "GET", a.header.Get("Location"), nil, nil)
}

// asset is an upload of a workspace, with one part sent.
func asset(t *testing.T, w *world, token, workspace, kind string, content []byte) (complete object, key string) {
	t.Helper()
	q := url.Values{"workspaceId": {workspace}, "fileType": {kind}}
	start := want(t, do(t, "GET", w.url+"/s3/start-upload?"+q.Encode(), bearer(token), nil), 200)
	upload, id := text(t, start, "uploadId"), text(t, start, "assetId")
	q = url.Values{"workspaceId": {workspace}, "PartNumber": {"1"}, "UploadId": {upload}, "assetId": {id}}
	part := want(t, do(t, "GET", w.url+"/s3/get-upload-url?"+q.Encode(), bearer(token), nil), 200)
	sent := do(t, "PUT", text(t, part, "url"), nil, content)
	return object{
		"uploadId": upload, "assetId": id, "workspaceId": workspace,
		"parts": []object{{"ETag": sent.header.Get("ETag"), "PartNumber": 1}},
	}, workspace + "/digital_assets/" + id
}

func TestOtherPeoplesThings(t *testing.T) {
	eachStore(t, func(t *testing.T, store *s3.Store) {
		w := serve(t, store, nil)
		unfinished, _ := asset(t, w, theirs, "456", "text/plain", []byte("theirs"))
		finished, key := asset(t, w, theirs, "456", "text/plain", []byte("theirs"))
		want(t, do(t, "POST", w.url+"/s3/complete-upload", bearer(theirs), finished), 200)
		as := func(workspace string) object {
			c := maps.Clone(unfinished)
			c["workspaceId"] = workspace
			return c
		}
		sign := func(workspace string) string {
			return "/s3/get-upload-url?" + url.Values{
				"workspaceId": {workspace}, "PartNumber": {"1"}, "UploadId": {fmt.Sprint(unfinished["uploadId"])}, "assetId": {fmt.Sprint(unfinished["assetId"])},
			}.Encode()
		}
		named := func(verb, workspace, key string) string {
			return "/s3/" + verb + "?" + url.Values{"workspaceId": {workspace}, "key": {key}}.Encode()
		}
		got := want(t, signers(w, theirs)["presigned-post"](t, "f", "text/plain", 0), 200)
		fields, _ := got["fields"].(map[string]any)
		sent := post(t, text(t, got, "url"), fields, []byte("theirs"))
		success := object{"key": got["key"], "uuid": got["s3object_id"], "etag": sent.header.Get("ETag")}

		for _, tt := range []struct {
			name, method, path string
			header             map[string]string
			body               any
			status             int
		}{
			{"start in their workspace", "GET", "/s3/start-upload?workspaceId=456&fileType=a/b", bearer(mine), nil, 403},
			{"start in a workspace of a strange name", "GET", "/s3/start-upload?workspaceId=123/../456&fileType=a/b", bearer(mine), nil, 403},
			{"sign in their workspace", "GET", sign("456"), bearer(mine), nil, 403},
			{"sign their upload in mine", "GET", sign("123"), bearer(mine), nil, 404},
			{"complete in their workspace", "POST", "/s3/complete-upload", bearer(mine), as("456"), 403},
			{"complete their upload in mine", "POST", "/s3/complete-upload", bearer(mine), as("123"), 404},
			{"download in their workspace", "GET", named("download", "456", key), bearer(mine), nil, 403},
			{"download their key in mine", "GET", named("download", "123", key), bearer(mine), nil, 403},
			{"download above mine", "GET", named("download", "123", "123/digital_assets/../../"+key), bearer(mine), nil, 403},
			{"download my folder", "GET", named("download", "123", "123/digital_assets/"), bearer(mine), nil, 403},
			{"delete in their workspace", "DELETE", named("delete", "456", key), bearer(mine), nil, 403},
			{"delete their key in mine", "DELETE", named("delete", "123", key), bearer(mine), nil, 403},
			{"delete above mine", "DELETE", named("delete", "123", "123/digital_assets/../../"+key), bearer(mine), nil, 403},
			{"init in their app", "POST", "/api/OTHER/uploads/init", app(mine), object{"filename": "a", "content_type": "a/b", "size": 1}, 403},
			{"list their app", "GET", "/api/OTHER/files", app(mine), nil, 403},
			{"list an app of a strange name", "GET", "/api/APP%2F..%2FOTHER/files", app(mine), nil, 403},
			{"success of theirs", "POST", "/api/s3/success", map[string]string{"X-Api-Key": mine}, success, 403},
			{"success as them", "POST", "/api/s3/success", map[string]string{"X-Api-Key": mine, "X-Business-Id": "b2"}, success, 403},
			{"success of another kind of key", "POST", "/api/s3/success", map[string]string{"X-Api-Key": mine}, object{"key": key, "uuid": "u", "etag": "e"}, 403},
			{"their profile image", "POST", "/api/v1/dashboard/user/update", bearer(mine), object{"profileImg": w.url + "/public/users/user_456/profile/a.jpg"}, 403},
			{"a profile image above mine", "POST", "/api/v1/dashboard/user/update", bearer(mine), object{"profileImg": w.url + "/public/users/user_123/profile/..%2F..%2Fuser_456%2Fprofile%2Fa.jpg"}, 403},
			{"a profile image elsewhere", "POST", "/api/v1/dashboard/user/update", bearer(mine), object{"profileImg": "https://evil.example/a.jpg"}, 403},
			{"a private object in public", "GET", "/public/" + text(t, got, "key"), nil, nil, 404},
			{"an asset in public", "GET", "/public/" + key, nil, nil, 404},
		} {
			t.Run(tt.name, func(t *testing.T) {
				if a := do(t, tt.method, w.url+tt.path, tt.header, tt.body); a.status != tt.status {
					t.Errorf("%d %s, want %d", a.status, a.body, tt.status)
				}
			})
		}
		if a := do(t, "GET", w.url+named("download", "456", key), bearer(theirs), nil); a.status != 200 || string(a.body) != "theirs" {
			t.Errorf("theirs afterwards: %d %s", a.status, a.body)
		}
		want(t, do(t, "POST", w.url+"/s3/complete-upload", bearer(theirs), unfinished), 200)
	})
}

// The upload of another app has no meaning in mine, whatever its name.
func TestGipityOfAnotherApp(t *testing.T) {
	w := serve(t, newStore(t), nil)
	started := want(t, do(t, "POST", w.url+"/api/OTHER/uploads/init", app(theirs), object{"filename": "f", "content_type": "text/plain", "size": 1}), 200)
	guid := text(t, started, "data", "upload_guid")
	do(t, "PUT", text(t, started, "data", "url"), map[string]string{"Content-Type": "text/plain"}, "x")
	for _, id := range []string{guid, "../OTHER/" + guid, "fl_", "", guid + "/data"} {
		if a := do(t, "POST", w.url+"/api/APP/uploads/complete", app(mine), object{"upload_guid": id}); a.status != 404 && a.status != 400 {
			t.Errorf("complete of %q: %d %s", id, a.status, a.body)
		}
	}
	want(t, do(t, "POST", w.url+"/api/OTHER/uploads/complete", app(theirs), object{"upload_guid": guid}), 200)
	if a := do(t, "GET", w.url+"/api/APP/files/"+guid, app(mine), nil); a.status != 404 {
		t.Errorf("their file in my app: %d %s", a.status, a.body)
	}
}

func TestTokenOfAnotherAPI(t *testing.T) {
	w := serve(t, newStore(t), nil)
	for api, sign := range signers(w, only) {
		status := 403
		if api == "ctxfy" {
			status = 200
		}
		if a := sign(t, "a.jpg", "image/jpeg", 5); a.status != status {
			t.Errorf("%s: %d %s, want %d", api, a.status, a.body, status)
		}
	}
	if a := do(t, "GET", w.url+"/s3/start-upload?workspaceId=123&fileType=a/b", bearer(only), nil); a.status != 403 {
		t.Errorf("workspace: %d %s", a.status, a.body)
	}
}

// refused reports whether the store does not take body. It may answer and close
// while the rest of the body is still coming: then there may be nothing left to read of the answer.
func refused(t *testing.T, to, kind, body string) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	resp, err := http.DefaultClient.Do(req)
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF) {
		return true
	}
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusForbidden
}

// What was declared is what the store takes: the length and the type are signed.
func TestDeclarations(t *testing.T) {
	eachStore(t, func(t *testing.T, store *s3.Store) {
		w := serve(t, store, nil)
		sign := signers(w, mine)
		ctxfy := want(t, sign["ctxfy"](t, "a.txt", "text/plain", 5), 200)
		gipity := want(t, sign["gipity"](t, "a.txt", "text/plain", 5), 200)
		empty := want(t, sign["ctxfy"](t, "a.txt", "text/plain", 0), 200)
		gitfolio := want(t, sign["gitfolio"](t, "a.jpg", "", 0), 200)
		for _, tt := range []struct {
			name, url, kind, body string
		}{
			{"ctxfy longer", text(t, ctxfy, "uploadUrl"), "text/plain", strings.Repeat("x", 1<<12)},
			{"ctxfy shorter", text(t, ctxfy, "uploadUrl"), "text/plain", "x"},
			{"ctxfy of another type", text(t, ctxfy, "uploadUrl"), "text/html", "12345"},
			{"ctxfy something declared empty", text(t, empty, "uploadUrl"), "text/plain", "x"},
			{"gipity longer", text(t, gipity, "data", "url"), "text/plain", strings.Repeat("x", 1<<12)},
			{"gipity of another type", text(t, gipity, "data", "url"), "text/html", "12345"},
			{"gitfolio of another type", text(t, gitfolio, "data", "uploadURL"), "text/html", "<script>"},
		} {
			if !refused(t, tt.url, tt.kind, tt.body) {
				t.Errorf("%s: taken", tt.name)
			}
		}
		for o, err := range store.List(t.Context(), "", true) {
			if err != nil || !strings.HasSuffix(o.Path, ".json") { // what the broker itself keeps
				t.Errorf("stored: %s %v", o.Path, err)
			}
		}
		if a := do(t, "PUT", text(t, empty, "uploadUrl"), map[string]string{"Content-Type": "text/plain"}, ""); a.status != 200 {
			t.Errorf("nothing, as declared: %d %s", a.status, a.body)
		}
		if a := do(t, "POST", w.url+"/api/APP/uploads/complete", app(mine), object{"upload_guid": text(t, gipity, "data", "upload_guid")}); a.status != 409 {
			t.Errorf("complete of what was refused: %d %s", a.status, a.body)
		}
	})
}

// A token's size holds also where nobody declares one.
func TestTokenSize(t *testing.T) {
	eachStore(t, func(t *testing.T, store *s3.Store) {
		w := serve(t, store, nil)
		sign := signers(w, small)
		for api, status := range map[string]int{"ctxfy": 400, "gipity": 413} {
			if a := sign[api](t, "a.txt", "text/plain", 11); a.status != status {
				t.Errorf("%s: %d %s", api, a.status, a.body)
			}
			want(t, sign[api](t, "a.txt", "text/plain", 10), 200)
		}
		form := want(t, sign["presigned-post"](t, "a.txt", "text/plain", 0), 200)
		fields, _ := form["fields"].(map[string]any)
		if a := post(t, text(t, form, "url"), fields, make([]byte, 11)); a.status != 400 || form["max_file_size"] != 10.0 {
			t.Errorf("a form of 11 bytes: %d %s", a.status, a.body)
		}
		if a := post(t, text(t, form, "url"), fields, make([]byte, 10)); a.status/100 != 2 {
			t.Errorf("a form of 10 bytes: %d %s", a.status, a.body)
		}
		complete, key := asset(t, w, small, "123", "text/plain", make([]byte, 11))
		if a := do(t, "POST", w.url+"/s3/complete-upload", bearer(small), complete); a.status != 413 {
			t.Errorf("an asset of 11 bytes: %d %s", a.status, a.body)
		}
		if _, err := store.Stat(t.Context(), key, ""); err == nil {
			t.Error("the asset of 11 bytes is kept")
		}
		image := want(t, sign["gitfolio"](t, "a.jpg", "", 0), 200)
		do(t, "PUT", text(t, image, "data", "uploadURL"), map[string]string{"Content-Type": "image/jpeg"}, make([]byte, 11))
		a := do(t, "POST", w.url+"/api/v1/dashboard/user/update", bearer(small), object{"profileImg": text(t, image, "data", "fileURL")})
		if a.status != 413 {
			t.Errorf("a profile image of 11 bytes: %d %s", a.status, a.body)
		}
	})
}

func TestPartLists(t *testing.T) {
	eachStore(t, func(t *testing.T, store *s3.Store) {
		w := serve(t, store, nil)
		complete, _ := asset(t, w, mine, "123", "text/plain", []byte("abc"))
		right := complete["parts"]
		etag := right.([]object)[0]["ETag"]
		many := make([]object, 10_001)
		for i := range many {
			many[i] = object{"ETag": etag, "PartNumber": i + 1}
		}
		for name, parts := range map[string]any{
			"forged ETag":   []object{{"ETag": strings.Repeat("0", 32), "PartNumber": 1}},
			"no ETag":       []object{{"PartNumber": 1}},
			"XML for ETag":  []object{{"ETag": "</ETag><x>", "PartNumber": 1}},
			"part 0":        []object{{"ETag": etag, "PartNumber": 0}},
			"gap":           []object{{"ETag": etag, "PartNumber": 1}, {"ETag": etag, "PartNumber": 3}},
			"twice":         []object{{"ETag": etag, "PartNumber": 1}, {"ETag": etag, "PartNumber": 1}},
			"never sent":    []object{{"ETag": etag, "PartNumber": 1}, {"ETag": etag, "PartNumber": 2}},
			"10,001 parts":  many,
			"a huge number": []object{{"ETag": etag, "PartNumber": 1_000_000_000}},
			"no list":       "all",
		} {
			complete["parts"] = parts
			if a := do(t, "POST", w.url+"/s3/complete-upload", bearer(mine), complete); a.status != 400 {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		complete["parts"] = right
		want(t, do(t, "POST", w.url+"/s3/complete-upload", bearer(mine), complete), 200)
	})
}

const page = "<!DOCTYPE html><script>alert(1)</script>"

// Pages are served as attachments by every way to them.
func TestPages(t *testing.T) {
	eachStore(t, func(t *testing.T, store *s3.Store) {
		attachment := func(t *testing.T, what string, a answer) {
			t.Helper()
			if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
				t.Errorf("%s: %d, Content-Disposition %q", what, a.status, a.header.Get("Content-Disposition"))
			}
		}
		w := serve(t, store, nil)
		sign := signers(w, mine)

		svg := want(t, sign["gitfolio"](t, "logo.svg", "", 0), 200)
		do(t, "PUT", text(t, svg, "data", "uploadURL"), map[string]string{"Content-Type": "image/svg+xml"}, "<svg/>")
		attachment(t, "gitfolio", follow(t, text(t, svg, "data", "fileURL")))

		for _, kind := range []string{"text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "TEXT/HTML; charset=utf-8", "nonsense"} {
			got := want(t, sign["ctxfy"](t, "index", kind, len(page)), 200)
			do(t, "PUT", text(t, got, "uploadUrl"), map[string]string{"Content-Type": kind}, page)
			attachment(t, "ctxfy "+kind, follow(t, text(t, got, "publicUrl")))

			form := want(t, sign["presigned-post"](t, "index", kind, 0), 200)
			fields, _ := form["fields"].(map[string]any)
			sent := post(t, text(t, form, "url"), fields, []byte(page))
			key := map[string]string{"X-Api-Key": mine}
			done := want(t, do(t, "POST", w.url+"/api/s3/success", key, object{"key": form["key"], "uuid": form["s3object_id"], "etag": sent.header.Get("ETag")}), 200)
			attachment(t, "presigned-post "+kind, do(t, "GET", text(t, done, "url"), nil, nil))

			complete, path := asset(t, w, mine, "123", kind, []byte(page))
			want(t, do(t, "POST", w.url+"/s3/complete-upload", bearer(mine), complete), 200)
			attachment(t, "workspace "+kind, do(t, "GET", w.url+"/s3/download?"+url.Values{"workspaceId": {"123"}, "key": {path}}.Encode(), bearer(mine), nil))
		}
		// A page that is declared an image is a page.
		for _, kind := range []string{"text/html", "image/png"} {
			for _, public := range []bool{false, true} {
				got := want(t, do(t, "POST", w.url+"/api/APP/uploads/init", app(mine), object{
					"filename": "index", "content_type": kind, "size": len(page), "public": public,
				}), 200)
				do(t, "PUT", text(t, got, "data", "url"), map[string]string{"Content-Type": kind}, page)
				done := want(t, do(t, "POST", w.url+"/api/APP/uploads/complete", app(mine), object{"upload_guid": text(t, got, "data", "upload_guid")}), 200)
				if public {
					attachment(t, "gipity public "+kind, follow(t, text(t, done, "data", "url")))
				} else {
					attachment(t, "gipity "+kind, do(t, "GET", text(t, done, "data", "url"), nil, nil))
				}
				content := do(t, "GET", w.url+"/api/APP/files/"+text(t, done, "data", "guid")+"/content", app(mine), nil)
				attachment(t, "gipity content "+kind, do(t, "GET", content.header.Get("Location"), nil, nil))
			}
		}
	})
}

func TestRate(t *testing.T) {
	w := serve(t, newStore(t), nil)
	init := signers(w, mine)["gipity"]
	for i := range 300 {
		if a := init(t, "a.txt", "text/plain", 1); a.status != 200 {
			t.Fatalf("init %d: %d %s", i+1, a.status, a.body)
		}
	}
	a := init(t, "a.txt", "text/plain", 1)
	if a.status != 429 || a.header.Get("Retry-After") == "" || text(t, a.json(t), "error", "code") != "RATE_LIMITED" {
		t.Errorf("init 301: %d %s", a.status, a.body)
	}
	if a := signers(w, small)["gipity"](t, "a.txt", "text/plain", 1); a.status != 200 {
		t.Errorf("another token: %d %s", a.status, a.body)
	}
}

// Neither a token nor a signature gets into the log, whatever goes wrong.
func TestLogKeepsSecrets(t *testing.T) {
	w := serve(t, newStore(t), nil)
	for _, sign := range signers(w, mine) {
		sign(t, "a.jpg", "image/jpeg", 5)
		sign(t, "../a.jpg", "image/jpeg", 5)
	}
	do(t, "GET", w.url+"/s3/start-upload?workspaceId=123&fileType=a/b&token="+mine, bearer(mine), nil)
	do(t, "GET", w.url+"/s3/start-upload", bearer("hoist_GUESS"), nil)
	do(t, "GET", w.url+"/api/APP/files", map[string]string{"Cookie": "s=" + mine}, nil)
	complete, _ := asset(t, w, mine, "123", "a/b", []byte("x"))
	complete["parts"] = []object{{"ETag": strings.Repeat("0", 32), "PartNumber": 1}}
	do(t, "POST", w.url+"/s3/complete-upload", bearer(mine), complete)
	got := w.log.String()
	for _, secret := range []string{mine, "GUESS", "X-Amz-Signature", "X-Amz-Credential"} {
		if strings.Contains(got, secret) {
			t.Errorf("the log has %s:\n%s", secret, got)
		}
	}
	if !strings.Contains(got, `"token":"mine"`) || !strings.Contains(got, `"status":403`) && !strings.Contains(got, `"status":401`) {
		t.Errorf("the log says too little:\n%s", got)
	}
}

func TestRequests(t *testing.T) {
	w := serve(t, newStore(t), func(c *broker.Config) { c.Origins = []string{"https://app.example"} })
	sign := w.url + "/v1/upload/s3"
	long := append([]byte(`{"filename":"`), bytes.Repeat([]byte("a"), 3<<20)...)
	if a := do(t, "POST", sign, bearer(mine), long); a.status != 413 {
		t.Errorf("3 MiB of JSON: %d %s", a.status, a.body)
	}
	if a := do(t, "POST", sign, map[string]string{"Authorization": "Bearer " + mine, "Content-Type": "text/plain"}, `{}`); a.status != 415 {
		t.Errorf("JSON as text: %d %s", a.status, a.body)
	}
	if a := do(t, "HEAD", w.url+"/s3/start-upload?workspaceId=123&fileType=a/b", bearer(mine), nil); a.status != 405 {
		t.Errorf("HEAD of start-upload: %d", a.status)
	}
	if a := do(t, "POST", w.url+"/v1/api-keys", bearer(mine), `{}`); a.status != 501 {
		t.Errorf("api-keys: %d %s", a.status, a.body)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		want(t, do(t, "GET", w.url+path, nil, nil), 200)
	}
	preflight := map[string]string{
		"Origin": "https://any.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type",
	}
	a := do(t, "OPTIONS", sign, preflight, nil)
	if a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight: %d %v", a.status, a.header)
	}
	// With a cookie only the same site and the configured ones are let in.
	for origin, status := range map[string]int{"https://any.example": 401, "https://app.example": 200, w.url: 200} {
		a := do(t, "POST", w.url+"/api/APP/uploads/init", map[string]string{
			"Cookie": "sid=" + mine, "Origin": origin, "Content-Type": "application/json",
		}, object{"filename": "a", "content_type": "a/b", "size": 1})
		if a.status != status || (a.header.Get("Access-Control-Allow-Credentials") == "true") != (origin == "https://app.example") {
			t.Errorf("from %s: %d %s %v", origin, a.status, a.body, a.header)
		}
	}
}

// What the store says of a failure is for the log. Here nobody has credentials for it.
func TestStorageFails(t *testing.T) {
	store, err := s3.New(t.Context(), s3.Config{Bucket: "b", Region: "us-east-1", Endpoint: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	w := serve(t, store, nil)
	sign := signers(w, mine)
	ctxfy := sign["ctxfy"](t, "a.txt", "text/plain", 1)
	for _, tt := range []struct {
		name   string
		got    answer
		status int
		body   object
	}{
		{"ctxfy", ctxfy, 500, object{
			"error": "Internal Server Error", "message": "An unexpected error occurred on the server", "code": 500.0,
			"requestId": ctxfy.header.Get("X-Request-Id"),
		}},
		{"gitfolio", sign["gitfolio"](t, "a.jpg", "", 0), 500, object{"status": "error", "message": "Error Generating Url"}},
		{"gipity", sign["gipity"](t, "a.txt", "text/plain", 1), 500, object{"error": object{"code": "S3_ERROR", "message": "The storage failed"}}},
		{"presigned-post", sign["presigned-post"](t, "a.txt", "text/plain", 1), 500, object{"detail": "The storage failed"}},
		{
			"workspace", do(t, "GET", w.url+"/s3/start-upload?workspaceId=123&fileType=a/b", bearer(mine), nil), 500,
			object{"code": "S3_ERROR", "error": "The storage failed"},
		},
		{"readiness", do(t, "GET", w.url+"/readyz", nil, nil), 503, object{"status": "storage unavailable"}},
	} {
		if diff := cmp.Diff(tt.body, want(t, tt.got, tt.status)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	if !strings.Contains(w.log.String(), "no AWS credentials") {
		t.Errorf("the log does not say why:\n%s", w.log)
	}
}
