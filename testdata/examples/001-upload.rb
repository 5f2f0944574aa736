# The document's.
require 'net/http'
require 'json'
uri = URI('//v1/upload/s3')
http = Net::HTTP.new(uri.host, uri.port)
http.use_ssl = true
request = Net::HTTP::Post.new(uri)
request['Content-Type'] = 'application/json'
request['Authorization'] = 'Bearer YOUR_API_TOKEN (API Key)'
request.body = '{
"filename": "John Doe",
"contentType": "example_string",
"size": 42
}'
response = http.request(request)
puts response.body
# End of the document's.

raise response.code unless response.code == '200'
raise response.body unless JSON.parse(response.body).keys.sort == %w[fileKey publicUrl uploadUrl]
request['Authorization'] = 'Bearer wrong'
response = http.request(request)
raise response.body unless response.code == '401' && JSON.parse(response.body)['error'] == 'Unauthorized'
