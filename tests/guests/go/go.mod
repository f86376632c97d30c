module waspect.test/guests/go

go 1.26
