package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"hash/crc64"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// The buckets that hold something without anything having been stored.
const (
	zeroBucket = "zero" // its object N is of N zeros
	manyBucket = "many" // of the made-up names
)

// control is where the benchmark itself asks; no bucket is called so.
const control = ".bench"

const crcHeader = "X-Amz-Checksum-Crc64nvme"

const (
	anyTime = "Sat, 21 Nov 2026 00:00:00 GMT"
	anyISO  = "2026-11-21T00:00:00.000Z"
)

// answer does what S3 would say to r, as far as the clients that are measured ask.
func (s *sink) answer(r *http.Request, in *input) *answer {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := r.URL.Query()
	switch {
	case bucket == control:
		return s.control(key)
	case key == "":
		return s.bucket(r, bucket, q)
	case r.Method == http.MethodPut:
		return s.put(r, in, bucket+"/"+key, q)
	case r.Method == http.MethodPost && q.Has("uploads"):
		return s.create(r, bucket, key)
	case r.Method == http.MethodPost && q.Has("uploadId"):
		return s.complete(r, in, bucket, key, q.Get("uploadId"))
	case r.Method == http.MethodDelete:
		s.mu.Lock()
		delete(s.objects, bucket+"/"+key)
		s.mu.Unlock()
		return &answer{status: http.StatusNoContent}
	case r.Method == http.MethodHead || r.Method == http.MethodGet:
		return s.get(r, bucket, key)
	}
	return refuse(http.StatusNotImplemented, "NotImplemented")
}

func refuse(status int, code string) *answer {
	return &answer{status: status, body: []byte(xml.Header + "<Error><Code>" + code + "</Code><Message>" + code + "</Message></Error>")}
}

func document(format string, args ...any) *answer {
	a := &answer{status: http.StatusOK, body: fmt.Appendf([]byte(xml.Header), format, args...)}
	a.set("Content-Type", "application/xml")
	return a
}

// control forgets what is stored, and gives out the curve that the proxy has recorded.
func (s *sink) control(what string) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch what {
	case "reset":
		clear(s.objects)
		clear(s.uploads)
		s.curve.reset()
	case "curve":
		body, err := json.Marshal(s.curve.samples())
		if err != nil {
			return refuse(http.StatusInternalServerError, "InternalError")
		}
		return &answer{status: http.StatusOK, body: body}
	}
	return &answer{status: http.StatusOK, body: fmt.Appendf(nil, `{"objects":%d}`, len(s.objects))}
}

func (s *sink) bucket(r *http.Request, bucket string, q url.Values) *answer {
	switch {
	case r.Method != http.MethodGet || bucket == "" && len(q) > 0:
		return &answer{status: http.StatusOK}
	case q.Has("location"):
		return document(`<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>`)
	case q.Has("object-lock"):
		return refuse(http.StatusNotFound, "ObjectLockConfigurationNotFoundError")
	case q.Has("versioning"):
		return document("<VersioningConfiguration></VersioningConfiguration>")
	case q.Has("uploads"):
		return document("<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>")
	}
	return s.list(bucket, q)
}

func (s *sink) put(r *http.Request, in *input, name string, q url.Values) *answer {
	size := r.ContentLength
	if decoded := r.Header.Get("X-Amz-Decoded-Content-Length"); decoded != "" {
		size, _ = strconv.ParseInt(decoded, 10, 64)
	}
	sum := r.Header.Get(crcHeader)
	if strings.EqualFold(r.Header.Get("X-Amz-Trailer"), crcHeader) {
		var err error
		if sum, err = in.trailer(crcHeader, base64.StdEncoding.EncodedLen(8)); err != nil {
			return refuse(http.StatusBadRequest, "IncompleteBody")
		}
	}
	s.mu.Lock()
	if id := q.Get("uploadId"); id == "" {
		s.objects[name] = stored{size, sum}
	} else if u := s.uploads[id]; u != nil {
		u.size += size
	} else {
		s.mu.Unlock()
		return refuse(http.StatusNotFound, "NoSuchUpload")
	}
	s.mu.Unlock()
	a := &answer{status: http.StatusOK}
	a.set("ETag", `"kept-nothing"`)
	if sum != "" {
		a.set(crcHeader, sum)
		a.set("X-Amz-Checksum-Type", "FULL_OBJECT")
	}
	return a
}

func (s *sink) create(r *http.Request, bucket, key string) *answer {
	s.mu.Lock()
	s.began++
	id := "upload-" + strconv.Itoa(s.began)
	s.uploads[id] = &upload{key: bucket + "/" + key}
	s.mu.Unlock()
	a := document("<InitiateMultipartUploadResult><Bucket>%s</Bucket><Key>%s</Key><UploadId>%s</UploadId></InitiateMultipartUploadResult>",
		bucket, escape(key), id)
	for _, name := range []string{"X-Amz-Checksum-Algorithm", "X-Amz-Checksum-Type"} {
		if value := r.Header.Get(name); value != "" {
			a.set(name, value)
		}
	}
	return a
}

func (s *sink) complete(r *http.Request, in *input, bucket, key, id string) *answer {
	if _, err := in.all(); err != nil {
		return refuse(http.StatusBadRequest, "IncompleteBody")
	}
	sum := r.Header.Get(crcHeader)
	s.mu.Lock()
	u := s.uploads[id]
	if u != nil {
		delete(s.uploads, id)
		s.objects[u.key] = stored{u.size, sum}
	}
	s.mu.Unlock()
	if u == nil {
		return refuse(http.StatusNotFound, "NoSuchUpload")
	}
	said := ""
	if sum != "" {
		said = "<ChecksumCRC64NVME>" + sum + "</ChecksumCRC64NVME><ChecksumType>FULL_OBJECT</ChecksumType>"
	}
	return document("<CompleteMultipartUploadResult><Bucket>%s</Bucket><Key>%s</Key><ETag>&#34;kept-nothing-1&#34;</ETag>%s</CompleteMultipartUploadResult>",
		bucket, escape(key), said)
}

// get answers HEAD and GET: of zeros with all of them, of what was stored with its size.
func (s *sink) get(r *http.Request, bucket, key string) *answer {
	s.mu.Lock()
	o, known := s.objects[bucket+"/"+key]
	s.mu.Unlock()
	if bucket == zeroBucket {
		size, err := strconv.ParseInt(key, 10, 64)
		o, known = stored{size: size, checksum: s.zeroSum(size)}, err == nil
	}
	if !known {
		return refuse(http.StatusNotFound, "NoSuchKey")
	}
	a := &answer{status: http.StatusOK, length: o.size}
	a.set("ETag", `"kept-nothing-1"`)
	a.set("Last-Modified", anyTime)
	a.set("Accept-Ranges", "bytes")
	a.set("Content-Type", "application/octet-stream")
	if asked := r.Header.Get("Range"); asked != "" {
		var first, last int64
		if n, _ := fmt.Sscanf(asked, "bytes=%d-%d", &first, &last); n < 1 {
			return refuse(http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
		} else if n == 1 || last >= o.size {
			last = o.size - 1
		}
		a.status, a.length = http.StatusPartialContent, last-first+1
		a.set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, o.size))
	} else if o.checksum != "" {
		a.set(crcHeader, o.checksum)
		a.set("X-Amz-Checksum-Type", "FULL_OBJECT")
	}
	a.zeros = &zeros{file: s.zeros, left: a.length}
	return a
}

// zeros are the body of an answer.
type zeros struct {
	file string
	left int64
}

// WriteTo goes to a TCP connection by sendfile(2). Each answer has a descriptor
// of its own, since the kernel moves its offset.
func (z *zeros) WriteTo(w io.Writer) (n int64, err error) {
	f, err := os.Open(z.file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for z.left > 0 {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return n, err
		}
		sent, err := io.CopyN(w, f, min(z.left, zeroChunk))
		n += sent
		z.left -= sent
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// zeroPoly is CRC-64/NVME, reflected.
const zeroPoly = 0x9a6c9329ac4bc9b5

// zeroSum returns the CRC64NVME of size zeros, which takes a moment the first time.
func (s *sink) zeroSum(size int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sum, ok := s.sums[size]; ok {
		return sum
	}
	table, block, crc := crc64.MakeTable(zeroPoly), make([]byte, 1<<20), uint64(0)
	for left := size; left > 0; left -= int64(len(block)) {
		crc = crc64.Update(crc, table, block[:min(left, int64(len(block)))])
	}
	s.sums[size] = base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, crc))
	return s.sums[size]
}

// list answers both versions of ListObjects. Stored objects are found by their
// whole name only, which is what clients ask before they send.
func (s *sink) list(bucket string, q url.Values) *answer {
	limit, err := strconv.Atoi(q.Get("max-keys"))
	if err != nil || limit > 1000 {
		limit = 1000
	}
	b := make([]byte, 0, 256+limit*300)
	b = append(b, xml.Header...)
	b = append(b, `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>`+bucket+`</Name><MaxKeys>1000</MaxKeys>`...)
	if q.Get("encoding-type") == "url" {
		b = append(b, "<EncodingType>url</EncodingType>"...)
	}
	next, count := "", 0
	if bucket == manyBucket {
		first := after(q.Get("continuation-token") + q.Get("marker"))
		last := min(first+limit, s.keys)
		for i := first; i < last; i++ {
			b = appendObject(b, madeUp(i), int64(i))
		}
		count = last - first
		if last < s.keys {
			next = madeUp(last - 1)
		}
	} else {
		s.mu.Lock()
		o, ok := s.objects[bucket+"/"+q.Get("prefix")]
		s.mu.Unlock()
		if size, err := strconv.ParseInt(q.Get("prefix"), 10, 64); bucket == zeroBucket && err == nil {
			o.size, ok = size, true
		}
		if ok && q.Get("prefix") > q.Get("continuation-token")+q.Get("marker") {
			b = appendObject(b, q.Get("prefix"), o.size)
			count = 1
		}
	}
	b = append(b, "<KeyCount>"+strconv.Itoa(count)+"</KeyCount>"...)
	if next != "" {
		b = append(b, "<IsTruncated>true</IsTruncated><NextContinuationToken>"+next+"</NextContinuationToken><NextMarker>"+next+"</NextMarker>"...)
	} else {
		b = append(b, "<IsTruncated>false</IsTruncated>"...)
	}
	a := &answer{status: http.StatusOK, body: append(b, "</ListBucketResult>"...)}
	a.set("Content-Type", "application/xml")
	return a
}

// madeUp is the name of object i: a thousand a folder, in the order of their bytes.
func madeUp(i int) string { return fmt.Sprintf("folder-%05d/object-%08d.dat", i/1000, i) }

// after returns the number that follows the name.
func after(name string) int {
	var folder, object int
	if n, _ := fmt.Sscanf(name, "folder-%d/object-%d.dat", &folder, &object); n < 2 {
		return 0
	}
	return object + 1
}

func appendObject(b []byte, key string, size int64) []byte {
	b = append(b, "<Contents><Key>"...)
	b = append(b, escape(key)...)
	b = append(b, "</Key><LastModified>"+anyISO+"</LastModified><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>"...)
	b = strconv.AppendInt(b, size, 10)
	return append(b, "</Size><StorageClass>STANDARD</StorageClass></Contents>"...)
}

func escape(s string) string {
	if !strings.ContainsAny(s, `<>&"'`) {
		return s
	}
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes all
	return b.String()
}
