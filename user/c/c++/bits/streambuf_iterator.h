// There are no streams.
