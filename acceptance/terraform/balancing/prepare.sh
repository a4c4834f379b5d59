# Certificates for two names, made here.
for name in one two; do
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -keyout $name.key -out $name.crt \
    -subj "/CN=$name.example.com" -addext "subjectAltName=DNS:$name.example.com" 2>/dev/null
done
