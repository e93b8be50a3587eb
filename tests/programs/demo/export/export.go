// Package export writes orders for other programs.
package export

import (
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"io"
	"iter"
	"strconv"

	"example.com/demo/shop/orders"
)

// Formats are the names that Write knows.
var Formats = []string{"csv", "xml", "edi"}

// Write writes orders in a format.
func Write(w io.Writer, format string, all iter.Seq[*orders.Order]) error {
	switch format {
	case "csv":
		return writeCSV(w, all)
	case "xml":
		return writeXML(w, all)
	case "edi":
		return writeEDI(w, all)
	}
	return fmt.Errorf("unknown format %q", format)
}

func writeCSV(w io.Writer, all iter.Seq[*orders.Order]) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"id", "user", "state", "sku", "quantity", "total"}); err != nil {
		return err
	}
	for order := range all {
		for _, line := range order.Lines {
			record := []string{
				strconv.Itoa(order.ID), order.User, order.State.String(),
				line.Product.SKU, strconv.Itoa(line.Quantity), line.Total().String(),
			}
			if err := out.Write(record); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

type xmlOrder struct {
	XMLName xml.Name `xml:"order"`
	ID      int      `xml:"id,attr"`
	State   string   `xml:"state,attr"`
	Items   []string `xml:"item"`
}

func writeXML(w io.Writer, all iter.Seq[*orders.Order]) error {
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	for order := range all {
		converted := xmlOrder{ID: order.ID, State: order.State.String()}
		for _, line := range order.Lines {
			converted.Items = append(converted.Items, line.Product.SKU)
		}
		if err := encoder.Encode(converted); err != nil {
			return err
		}
	}
	return encoder.Close()
}

// writeEDI writes the segments that the wholesaler's old system reads. Nobody has asked for it in
// years.
func writeEDI(w io.Writer, all iter.Seq[*orders.Order]) error {
	segment := func(parts ...any) error {
		for i, part := range parts {
			separator := "+"
			if i == len(parts)-1 {
				separator = "'\n"
			}
			if _, err := fmt.Fprint(w, part, separator); err != nil {
				return err
			}
		}
		return nil
	}
	for order := range all {
		if err := segment("BGM", 220, order.ID, 9); err != nil {
			return err
		}
		for i, line := range order.Lines {
			if err := segment("LIN", i+1, line.Product.SKU, line.Quantity); err != nil {
				return err
			}
		}
		if err := segment("UNS", "S"); err != nil {
			return err
		}
	}
	return nil
}
