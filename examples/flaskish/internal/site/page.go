package site

import (
	"embed"
	"html/template"
	"io"
	"io/fs"
	"net/http"
)

//go:embed layout.html
var layoutFile embed.FS

var layout = template.Must(template.ParseFS(layoutFile, "layout.html"))

// Page is a page of the site: a template named "content" within the layout.
type Page struct {
	Path   string // by which the navigation knows it
	Title  string
	Styles []string // assets, after the base
	Script string   // an asset, a JavaScript module
	Chart  bool     // loads uPlot too

	tmpl *template.Template
}

// Parse reads the page's templates, which are embedded and so known to be good.
func (p Page) Parse(files fs.FS, patterns ...string) *Page {
	p.tmpl = template.Must(template.Must(layout.Clone()).ParseFS(files, patterns...))
	return &p
}

// link is an entry of the navigation.
type link struct {
	Path, Text string
	Here       bool
}

// pages are those of the navigation.
var pages = []link{
	{Path: "/", Text: "Rates"},
	{Path: "/chat", Text: "Chat"},
	{Path: "/jobs", Text: "Jobs"},
	{Path: "/download", Text: "Download"},
	{Path: "/status", Text: "Status"},
}

func (p *Page) execute(w io.Writer, r *http.Request, data any) error {
	links := make([]link, len(pages))
	for i, l := range pages {
		l.Here = l.Path == p.Path
		links[i] = l
	}
	return p.tmpl.ExecuteTemplate(w, "layout.html", struct {
		*Page
		Links []link
		Theme string
		Data  any
	}{p, links, theme(r), data})
}

// theme is what the visitor chose: light, dark, or nothing, which is what their
// system says. The page's button sets the cookie.
func theme(r *http.Request) string {
	if c, err := r.Cookie("theme"); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}
