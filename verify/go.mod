module tandem.example/tandem/verify

go 1.26
