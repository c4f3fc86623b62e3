package console

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tandem.example/tandem/internal/audit"
)

const (
	// exported bounds an export: the newest entries that the filter lets through.
	exported = 50_000
	// exportBatch is how many are read at once.
	exportBatch = 500
	// exportFor bounds how long one may take, within what the server allows an answer.
	exportFor = 80 * time.Second
)

// writer writes entries of the trail in one format.
type writer interface {
	write(e audit.Entry) error
	flush() error
}

// formats are those of an export; without one it is CSV.
const (
	formatCSV   = "csv"
	formatLines = "jsonl"
)

// export answers the filtered trail as a file, newest first, in batches as they are read: no export is held in memory. One
// that cannot be completed is broken off, so that nobody takes it for whole.
func (c *Console) export(v *visit) error {
	ctx, cancel := context.WithTimeout(v.r.Context(), exportFor)
	defer cancel()
	format := cmp.Or(v.query("format"), formatCSV)
	if format != formatCSV && format != formatLines {
		return errFormat
	}
	q, err := c.question(ctx, v)
	if err != nil {
		return err
	}
	q.Limit = exportBatch
	entries, err := c.Operator.Trail(ctx, q)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(v.x, 32<<10)
	kind, w := "text/csv; charset=utf-8; header=present", writer(&csvWriter{Writer: csv.NewWriter(out)})
	if format == formatLines {
		kind, w = "application/jsonl", jsonWriter{json.NewEncoder(out)}
	}
	h := v.x.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "audit-"+v.now.UTC().Format("20060102-150405")+"."+format))
	v.x.WriteHeader(http.StatusOK)
	if err := c.exportAll(ctx, q, entries, w, out); err != nil {
		if v.r.Context().Err() == nil {
			c.Log.ErrorContext(ctx, "export of the audit trail was broken off", "error", err, "request_id", v.x.ID)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

func (c *Console) exportAll(ctx context.Context, q audit.Query, entries []audit.Entry, w writer, out *bufio.Writer) (err error) {
	for n := 0; len(entries) > 0 && n < exported; {
		for _, e := range entries {
			if err := w.write(e); err != nil {
				return err
			}
		}
		n += len(entries)
		if len(entries) < q.Limit || n >= exported {
			break
		}
		q.Before = entries[len(entries)-1].ID
		if entries, err = c.Operator.Trail(ctx, q); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	return out.Flush()
}

// columns name the fields, in both formats.
var columns = []string{"id", "at", "type", "outcome", "actor", "user", "target", "ip", "reason", "request_id"}

func fieldsOf(e audit.Entry) []string {
	return []string{e.ID, e.At.UTC().Format(time.RFC3339Nano), string(e.Type), string(e.Outcome), e.Actor, e.User, e.Target, e.IP, e.Reason, e.RequestID}
}

type csvWriter struct {
	*csv.Writer
	headed bool
}

func (w *csvWriter) head() error {
	if w.headed {
		return nil
	}
	w.headed = true
	return w.Write(columns)
}

func (w *csvWriter) write(e audit.Entry) error {
	if err := w.head(); err != nil {
		return err
	}
	cells := fieldsOf(e)
	for i, cell := range cells {
		cells[i] = harmless(cell)
	}
	return w.Write(cells)
}

func (w *csvWriter) flush() error {
	if err := w.head(); err != nil {
		return err
	}
	w.Flush()
	return w.Error()
}

// harmless keeps a spreadsheet from taking a cell for a formula, which it would run: such a cell begins with an
// apostrophe (OWASP, CSV Injection). The format has no way to say that a cell is text.
func harmless(cell string) string {
	if strings.IndexAny(cell, "=+-@\t\r\n|%＝＋－＠") == 0 {
		return "'" + cell
	}
	return cell
}

type jsonWriter struct{ *json.Encoder }

func (w jsonWriter) write(e audit.Entry) error {
	object := make(map[string]string, len(columns))
	for i, value := range fieldsOf(e) {
		object[columns[i]] = value
	}
	return w.Encode(object)
}

func (jsonWriter) flush() error { return nil }
