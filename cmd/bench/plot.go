package main

import (
	"fmt"
	"html"
	"strings"
)

// colour tells the clients apart, also in grey.
func colour(client string) string {
	return map[string]string{dd: "#b8b8b8", curl: "#7f7f7f", mc: "#c0392b", rclone: "#8e6bbf", aws: "#e0a030", hoist: "#1f6fb4"}[client]
}

// drawing is an SVG in the making.
type drawing struct{ strings.Builder }

func newDrawing(width, height int) *drawing {
	d := new(drawing)
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	d.printf(`<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	return d
}

// printf cannot fail: a Builder takes all.
func (d *drawing) printf(format string, args ...any) { _, _ = fmt.Fprintf(d, format, args...) }

func (d *drawing) text(x, y float64, anchor, text string) {
	d.printf(`<text x="%.0f" y="%.0f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(text))
}

func (d *drawing) bar(x, y, width, height float64, fill string) {
	d.printf(`<rect x="%.0f" y="%.0f" width="%.1f" height="%.0f" fill="%s"/>`+"\n", x, y, width, height, fill)
}

func (d *drawing) end() string { return d.String() + "</svg>\n" }

// plotRatios draws CPU and wall time of every row as multiples of hoist's.
func (r *report) plotRatios() string {
	const left, half, line = 190.0, 300.0, 16.0
	const most = 8.0 // multiples; a longer bar is cut, and says its number
	d := newDrawing(left+2*half+60, 60+len(r.rows)*110)
	d.text(left, 20, "start", "CPU, × hoist")
	d.text(left+half+20, 20, "start", "wall, × hoist")
	y := 30.0
	drawn := false
	for _, row := range r.rows {
		ours, ok := r.figures(row.name, hoist)
		if !ok || ours.err != "" || ours.cpu == 0 {
			continue
		}
		y += line
		d.text(8, y, "start", row.title)
		for _, client := range clients() {
			f, ok := r.figures(row.name, client)
			if !ok || f.err != "" {
				continue
			}
			drawn = true
			y += line
			d.text(left-6, y+line-5, "end", client)
			for i, times := range []float64{f.cpu / ours.cpu, f.wall / ours.wall} {
				x, width := left+float64(i)*(half+20), min(times, most)/most*(half-50)
				d.bar(x, y+2, width, line-4, colour(client))
				d.text(x+width+4, y+line-5, "start", number(times))
			}
		}
		y += line
	}
	if !drawn {
		return ""
	}
	return d.end()
}

// plotCurves draws how many connections each client had over time, far away,
// and what they carried together.
func (r *report) plotCurves() string {
	const left, width, height, gap = 70.0, 620.0, 200.0, 50.0
	if len(r.curves) == 0 {
		return ""
	}
	end, rate, open := 1.0, 1.0, 1.0
	for _, all := range r.curves {
		for _, s := range all {
			end, rate, open = max(end, s.Seconds), max(rate, s.Rate), max(open, float64(s.Connections))
		}
	}
	d := newDrawing(left+width+80, 2*height+2*gap+40)
	for i, graph := range []struct {
		title string
		top   float64
		of    func(sample) float64
	}{
		{"MB/s", rate, func(s sample) float64 { return s.Rate }},
		{"connections", open, func(s sample) float64 { return float64(s.Connections) }},
	} {
		y := 30 + float64(i)*(height+gap)
		d.text(left, y-8, "start", graph.title)
		d.printf(`<path d="M%.0f %.0fV%.0fH%.0f" fill="none" stroke="#333"/>`+"\n", left, y, y+height, left+width)
		scale := 1.0
		if i == 0 {
			scale = 1e6
		}
		d.text(left-6, y+10, "end", fmt.Sprintf("%.0f", graph.top/scale))
		d.text(left-6, y+height, "end", "0")
		d.text(left+width, y+height+16, "end", fmt.Sprintf("%.0f s", end))
		for _, client := range clients() {
			all := r.curves[client]
			if len(all) == 0 {
				continue
			}
			d.printf(`<polyline fill="none" stroke-width="2" stroke="%s" points="`, colour(client))
			x := left
			for _, s := range all {
				x = left + s.Seconds/end*width
				d.printf("%.1f,%.1f ", x, y+height-graph.of(s)/graph.top*height)
			}
			d.WriteString("\"/>\n")
			d.printf(`<text x="%.0f" y="%.0f" fill="%s">%s</text>`+"\n", x+4, y+height-graph.of(all[len(all)-1])/graph.top*height-4, colour(client), client)
		}
	}
	return d.end()
}
