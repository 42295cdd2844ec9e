package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The charts are SVG, drawn for light and dark pages alike: grey text and lines,
// and colours of middle brightness.
const (
	chartHead = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="#777">` + "\n"
	better    = "#2a9d5c"
	worse     = "#d1495b"
)

var lineColours = []string{"#2a9d5c", "#3a7ca5", "#d1495b", "#b8860b"}

// ratioChart draws how long ours takes compared to each yardstick, on a logarithmic
// scale: left of the line ours is faster.
func ratioChart(m measured) []byte {
	type dot struct {
		label string
		x     float64
	}
	var dots []dot
	title := ""
	for _, r := range rows {
		if r.title != "" {
			title = r.title
		}
		if x, ok := m.main.median(r.name, "x-yardstick"); ok && x > 0 {
			dots = append(dots, dot{title + " / " + yardstick(r.name), x})
		}
	}
	const (
		width, left, line = 900, 470, 17
		top               = 34
		low, high         = 0.001, 100.0
	)
	at := func(x float64) float64 {
		share := math.Log(min(max(x, low), high)/low) / math.Log(high/low)
		return left + share*(width-left-60)
	}
	var b strings.Builder
	height := top + line*len(dots) + 10
	fmt.Fprintf(&b, chartHead, width, height)
	fmt.Fprintf(&b, `<text x="%d" y="12">time of ours / time of the yardstick: left of 1, ours is faster</text>`+"\n", left)
	for x := low; x <= high*1.01; x *= 10 {
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#888" stroke-opacity="%s"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			at(x), top-6, at(x), height-8, opacity(x), at(x), top-10, strconv.FormatFloat(math.Round(x*1000)/1000, 'g', -1, 64))
	}
	for i, d := range dots {
		y := top + line*i + 8
		colour := better
		if d.x > 1 {
			colour = worse
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, left-8, y+4, escape(d.label))
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s" stroke-width="3" stroke-opacity="0.4"/>`, at(1), y, at(d.x), y, colour)
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%d" r="4" fill="%s"/>`, at(d.x), y, colour)
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", width-4, y+4, number(d.x))
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func opacity(x float64) string {
	if math.Abs(math.Log10(x)) < 0.01 {
		return "1"
	}
	return "0.25"
}

// curveChart draws cost against size, both logarithmic.
func curveChart(m measured) []byte {
	const (
		width, height           = 760, 360
		left, right, top, floor = 60, 260, 20, 320
		lowNS, highNS, sizes    = 1.0, 10_000.0, 1_000_000.0
	)
	atX := func(n int) float64 {
		return left + math.Log(float64(n))/math.Log(sizes)*(width-left-right)
	}
	atY := func(ns float64) float64 {
		return floor - math.Log(min(max(ns, lowNS), highNS)/lowNS)/math.Log(highNS/lowNS)*(floor-top)
	}
	var b strings.Builder
	fmt.Fprintf(&b, chartHead, width, height)
	for ns := lowNS; ns <= highNS; ns *= 10 {
		fmt.Fprintf(&b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#888" stroke-opacity="0.25"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, atY(ns), width-right, atY(ns), left-6, atY(ns)+4, duration(ns))
	}
	for _, n := range []int{1, 1000, 1_000_000} {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", atX(n), floor+18, thousands(n))
	}
	for i, c := range curves {
		var points []string
		last := 0.0
		for _, n := range c.sizes {
			if ns, ok := m.main.median(c.at(n), "ns/op"); ok {
				last = atY(ns)
				points = append(points, fmt.Sprintf("%.1f,%.1f", atX(n), last))
			}
		}
		if len(points) == 0 {
			continue
		}
		colour := lineColours[i%len(lineColours)]
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/><text x="%d" y="%.1f" fill="%s">%s</text>`+"\n",
			strings.Join(points, " "), colour, width-right+8, last+4, colour, escape(c.title))
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
