package compute

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
)

// The size of all pictures, in pixels.
const (
	width  = 720
	height = 480
)

// view is a part of the complex plane that is worth looking at.
type view struct {
	name   string
	re, im float64 // of the middle
	span   float64 // from left to right
}

var views = []view{
	{"the whole set", -0.6, 0, 3.3},
	{"the valley of the seahorses", -0.7436447860, 0.1318252536, 0.0029},
	{"the valley of the elephants", 0.2925755, 0.0149977, 0.0100},
	{"a spiral with three arms", -0.0884, 0.6547, 0.0090},
	{"a small copy of the set", -1.7687788, 0.0017389, 0.0140},
	{"a branch of lightning", -1.3132, 0.0740, 0.0300},
}

func (s Spec) mandelbrot() *Run {
	v := views[s.Seed%uint64(len(views))]
	grid := grid{iterations: 100 + 60*s.Effort, samples: 1 + s.Effort/25, pixel: v.span / width}
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	steps := func(yield func(float64) bool) {
		for y := range height {
			for x := range width {
				re := v.re + (float64(x)-width/2)*grid.pixel
				im := v.im - (float64(y)-height/2)*grid.pixel
				img.SetRGBA(x, y, grid.shade(re, im))
				if !yield(float64(y*width+x+1) / (width * height)) {
					return
				}
			}
		}
	}
	return &Run{steps, func() (Outcome, error) {
		picture, err := encode(img)
		return Outcome{[]Fact{
			{"Shows", v.name},
			{"Middle", v.middle()},
			{"Magnified", fmt.Sprintf("%.0f times", views[0].span/v.span)},
			{"Iterations", fmt.Sprintf("at most %d", grid.iterations)},
			{"Samples", fmt.Sprintf("%d a pixel", grid.samples*grid.samples)},
		}, picture}, err
	}}
}

// middle is the number in the middle, as it is written in print.
func (v view) middle() string {
	sign := "+"
	if v.im < 0 {
		sign = "−"
	}
	return strings.Replace(fmt.Sprintf("%.7g %s %.7gi", v.re, sign, math.Abs(v.im)), "-", "−", 1)
}

// grid says how closely to look.
type grid struct {
	iterations int     // a point, at most
	samples    int     // points across and down that a pixel is the mean of
	pixel      float64 // its width
}

// shade returns the mean colour of the pixel whose corner is re, im.
func (p grid) shade(re, im float64) color.RGBA {
	var r, g, b float64
	distance := p.pixel / float64(p.samples)
	for i := range p.samples {
		for j := range p.samples {
			escape, inside := escapeTime(re+float64(i)*distance, im+float64(j)*distance, p.iterations)
			if inside {
				continue // black
			}
			// A cosine a channel, at a pace that slows with depth.
			t := math.Log1p(escape) * 1.1
			r += 0.5 - 0.5*math.Cos(t+0.15)
			g += 0.5 - 0.5*math.Cos(0.92*t-0.35)
			b += 0.5 - 0.5*math.Cos(0.83*t-0.95)
		}
	}
	n := float64(p.samples * p.samples)
	return color.RGBA{channel(r / n), channel(g / n), channel(b / n), 255}
}

func channel(v float64) uint8 { return uint8(math.Round(255 * v)) }

// escapeTime returns after how many iterations the point leaves, smoothed, or that
// it stays.
func escapeTime(re, im float64, iterations int) (n float64, inside bool) {
	const far = 1 << 8
	x, y := 0.0, 0.0
	for i := range iterations {
		x2, y2 := x*x, y*y
		if x2+y2 > far {
			return float64(i) + 1 - math.Log2(math.Log2(x2+y2)/2), false
		}
		x, y = x2-y2+re, 2*x*y+im
	}
	return 0, true
}

func encode(img image.Image) ([]byte, error) {
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}
