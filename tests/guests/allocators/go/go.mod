module waspect.test/books

go 1.24
