package main

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
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

// curve is one line of a plot.
type curve struct {
	name   string
	color  color.Color
	points plotter.XYs
	dots   bool
}

// drawPlot draws curves as an SVG element.
func drawPlot(x, y string, logarithmic bool, ticks plot.Ticker, curves ...curve) (template.HTML, error) {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.Y.Min = 0
	p.Y.Tick.Marker = thousandTicks{}
	p.X.Tick.Marker = ticks
	if logarithmic {
		p.X.Scale = plot.LogScale{}
	}
	const small = vg.Length(8)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font.Size, axis.Tick.Label.Font.Size = small, small
	}
	p.Legend.TextStyle.Font.Size = small
	p.Legend.Top, p.Legend.Left = true, true
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
		p.Legend.Add(c.name, line)
	}
	p.Y.Min = 0
	p.Y.Max *= 1.25 // room for the legend
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
	svg, err = drawPlot(axis, "instructions", true, ticks,
		curve{"Faultline", oursColor, ours, true}, curve{"Linux", linuxColor, theirs, true})
	return svg, true, err
}

// distributionPlot draws the quantiles of a rung, ours beside Linux's.
func distributionPlot(l *line) (template.HTML, error) {
	points := func(f *figure) (list plotter.XYs) {
		if f == nil || len(f.Quantiles) < 2 {
			return nil
		}
		for i, q := range quantilePoints {
			if q <= 999 { // the largest of all would hide the rest
				list = append(list, plotter.XY{X: float64(q) / 10, Y: f.Quantiles[i]})
			}
		}
		return list
	}
	ticks := plot.ConstantTicks{}
	for _, q := range []float64{0, 25, 50, 75, 90, 99} {
		ticks = append(ticks, plot.Tick{Value: q, Label: fmt.Sprint(q)})
	}
	return drawPlot("% of operations", "instructions", false, ticks,
		curve{"Faultline", oursColor, points(l.ours), false}, curve{"Linux", linuxColor, points(l.best), false})
}
