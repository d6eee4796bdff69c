module escalate-tests/pause

go 1.26
