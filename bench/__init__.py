"""The side-by-side benchmarks: Postfix with Dovecot and Posthouse in one run, interleaved. See bench/README.md."""
