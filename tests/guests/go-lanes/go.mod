module waspect.test/guests/go-lanes

go 1.26
