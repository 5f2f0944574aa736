# The document's.
import requests
import json
url = "//v1/upload/s3"
headers = {
"Content-Type": "application/json",
"Authorization": "Bearer YOUR_API_TOKEN (API Key)"
}
data = {
"filename": "John Doe",
"contentType": "example_string",
"size": 42
}
response = requests.post(url, headers=headers, json=data)
print(response.json())
# End of the document's.

assert response.status_code == 200, response.status_code
assert set(response.json()) == {"uploadUrl", "publicUrl", "fileKey"}, response.json()
assert all(isinstance(value, str) for value in response.json().values())
put = requests.put(response.json()["uploadUrl"], headers={"Content-Type": "example_string"}, data=b"x" * 42)
assert put.status_code == 200, put.text
assert requests.get(response.json()["publicUrl"]).content == b"x" * 42

headers["Authorization"] = "Bearer wrong"
response = requests.post(url, headers=headers, json=data)
assert (response.status_code, response.json()["error"], response.json()["code"]) == (401, "Unauthorized", 401)
