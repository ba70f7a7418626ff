package main

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The plots are small: they stand in a grid.
const (
	plotWidth  = 11 * vg.Centimeter
	plotHeight = 6.5 * vg.Centimeter
)

var (
	oursColor  = color.RGBA{0x0b, 0x62, 0xc4, 0xff}
	linuxColor = color.RGBA{0xc2, 0x60, 0x0a, 0xff}
)

// curve is one line of a plot; the page has the key to the colours.
type curve struct {
	color  color.Color
	points plotter.XYs
	dots   bool
}

// drawPlot draws curves as an SVG element. scale is that of the x axis. Where
// the largest value would flatten all others, the y axis is logarithmic.
func drawPlot(x, y string, scale plot.Normalizer, ticks plot.Ticker, curves ...curve) (template.HTML, error) {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.Y.Tick.Marker = thousandTicks{}
	p.X.Tick.Marker, p.X.Scale = ticks, scale
	const small = vg.Length(8)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font.Size, axis.Tick.Label.Font.Size = small, small
	}
	p.Add(plotter.NewGrid())
	for _, c := range curves {
		if len(c.points) == 0 {
			continue
		}
		line, err := plotter.NewLine(c.points)
		if err != nil {
			return "", err
		}
		line.Color, line.Width = c.color, vg.Points(1.6)
		p.Add(line)
		if c.dots {
			dots, err := plotter.NewScatter(c.points)
			if err != nil {
				return "", err
			}
			dots.Color, dots.Shape, dots.Radius = c.color, draw.CircleGlyph{}, vg.Points(2.2)
			p.Add(dots)
		}
	}
	if lo, hi := p.Y.Min, p.Y.Max; lo > 0 && hi > 8*lo {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, decades{}
	} else {
		p.Y.Min, p.Y.Max = 0, hi*1.05
	}
	canvas := vgsvg.New(plotWidth, plotHeight)
	p.Draw(draw.Crop(draw.New(canvas), 4, -14, 4, -6)) // room for the outermost labels
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return "", err
	}
	svg := b.String()
	at := strings.Index(svg, "<svg")
	if at < 0 {
		return "", fmt.Errorf("the plot is no SVG: %.40q", svg)
	}
	return template.HTML(svg[at:]), nil // behind the XML declaration
}

// thousandTicks labels an axis of counts.
type thousandTicks struct{}

func (thousandTicks) Ticks(lo, hi float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(lo, hi)
	for i := range ticks {
		if !ticks[i].IsMinor() {
			ticks[i].Label = thousands(ticks[i].Value)
		}
	}
	return ticks
}

// growthPlot draws a family of rungs against its size. ok is false if nothing
// of it was measured.
func growthPlot(rung, linux, axis string, sizes []int, s sides) (svg template.HTML, ok bool, err error) {
	points := func(r *results, name string) (list plotter.XYs) {
		for _, n := range sizes {
			if f := r.find(fmt.Sprintf("%s/%d", name, n)); f != nil {
				list = append(list, plotter.XY{X: float64(n), Y: f.median()})
			}
		}
		return list
	}
	ours := points(s.ours, rung)
	if len(ours) < 2 {
		return "", false, nil
	}
	ticks := make(plot.ConstantTicks, len(sizes))
	for i, n := range sizes {
		ticks[i].Value = float64(n)
		if i == 0 || n > 2*sizes[i-1] { // else the labels would touch
			ticks[i].Label = thousands(float64(n))
		}
	}
	var theirs plotter.XYs
	if linux != "" {
		theirs = points(s.best, linux)
	}
	svg, err = drawPlot(axis, "instructions", plot.LogScale{}, ticks, curve{oursColor, ours, true}, curve{linuxColor, theirs, true})
	return svg, true, err
}

// historyPlot draws what a row was in earlier reports and is now. ok is false
// if there is nothing to see.
func historyPlot(l *line) (svg template.HTML, ok bool, err error) {
	if l.Faultline == nil || len(l.History) == 0 {
		return "", false, nil
	}
	past := append(l.History[:len(l.History):len(l.History)], point{"now", *l.Faultline})
	var points plotter.XYs
	ticks := make(plot.ConstantTicks, len(past))
	lo, hi := past[0].value, past[0].value
	for i, p := range past {
		points = append(points, plotter.XY{X: float64(i), Y: p.value})
		ticks[i].Value = float64(i)
		if i == 0 || i == len(past)-1 {
			ticks[i].Label = p.label
		}
		lo, hi = min(lo, p.value), max(hi, p.value)
	}
	if hi-lo < hi/100 {
		return "", false, nil
	}
	svg, err = drawPlot("", l.Unit, plot.LinearScale{}, ticks, curve{oursColor, points, true})
	return svg, true, err
}

// tails is the scale of quantiles: each nine more takes the same room, so that
// the slowest operations are as wide as the many usual ones. Values are 1/1000.
type tails struct{}

func (tails) Normalize(_, _, q float64) float64 {
	const operations = 4096
	return -math.Log10(math.Max(1-q/1000, 1.0/operations)) / math.Log10(operations)
}

// decades labels a logarithmic axis of counts.
type decades struct{}

func (decades) Ticks(lo, hi float64) (ticks []plot.Tick) {
	for d := math.Pow(10, math.Floor(math.Log10(lo))); d <= hi; d *= 10 {
		for _, m := range []float64{1, 2, 5} {
			if v := d * m; v >= lo && v <= hi {
				ticks = append(ticks, plot.Tick{Value: v, Label: thousands(v)})
			}
		}
	}
	return ticks
}

// distributionPlot draws the quantiles of a rung, ours beside Linux's.
func distributionPlot(l *line) (template.HTML, error) {
	points := func(f *figure) (list plotter.XYs) {
		if f == nil || len(f.Quantiles) < 2 {
			return nil
		}
		for i, q := range quantilePoints {
			list = append(list, plotter.XY{X: float64(q), Y: f.Quantiles[i]})
		}
		return list
	}
	ticks := plot.ConstantTicks{}
	for _, q := range []float64{0, 500, 900, 990, 999} {
		ticks = append(ticks, plot.Tick{Value: q, Label: fmt.Sprint(q / 10)})
	}
	ticks = append(ticks, plot.Tick{Value: 1000, Label: "max"})
	return drawPlot("% of operations", "instructions", tails{}, ticks, curve{oursColor, points(l.ours), false}, curve{linuxColor, points(l.best), false})
}
