package site

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed assets
var assetFiles embed.FS

type asset struct {
	body      []byte
	tag, kind string
}

// Assets serves the embedded files below /assets/. They do not change while the
// program runs, so a browser that has one gets 304.
func (s *Site) Assets() http.Handler {
	assets := make(map[string]asset)
	err := fs.WalkDir(assetFiles, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := assetFiles.ReadFile(name)
		sum := sha256.Sum256(body)
		assets["/"+name] = asset{body, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, kindOf(name)}
		return err
	})
	if err != nil {
		panic("site: embedded files cannot be read: " + err.Error()) // the build is broken
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := assets[r.URL.Path]
		if !ok {
			s.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", a.kind)
		w.Header().Set("ETag", a.tag)
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
	})
}

// kindOf returns the media type of a file, whatever the system thinks of it.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "text/plain; charset=utf-8" // a licence
}
