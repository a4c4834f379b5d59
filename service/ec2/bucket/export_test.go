package bucket

// UploadIn is Upload in parts of another size.
var UploadIn = upload
