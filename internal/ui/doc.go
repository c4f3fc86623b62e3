// Package ui owns what pages and console share: the frame of a page, its stylesheet, the policy a browser is to hold
// against it (Content-Security-Policy), assets, and the rendering of templates in the reader's language.
//
// It does not know what the pages are about. It is called by pages and console.
package ui
