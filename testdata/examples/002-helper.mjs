// "Client Helper Library": its script is at media.gipity.ai, and the document has only the call of it.
console.log('the library that it calls is not in the document');
process.exit(77);
